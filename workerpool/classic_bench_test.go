//go:build linux

package workerpool

import (
	"fmt"
	"os"
	"path/filepath"
	"testing"
)

// hello is a script that prints size bytes, and a request for it.
func hello(b testing.TB, c classic, size int) *Request {
	b.Helper()
	name := filepath.Join(c.dir, fmt.Sprintf("hello%d.php", size))
	if err := os.WriteFile(name, fmt.Appendf(nil, `<?php echo str_repeat("x", %d);`, size), 0o644); err != nil {
		b.Fatal(err)
	}
	r := phpRequest(b, name)
	r.Frame = append(make([]byte, 0, len(r.Frame)+1024), r.Frame...)
	return r
}

// BenchmarkClassic is one request after the other to one process: see BenchmarkWorker for the same over goridge.
func BenchmarkClassic(b *testing.B) {
	for kind, path := range phpPrograms(b) {
		for _, size := range []int{12, 100 << 10} {
			b.Run(fmt.Sprintf("%s/%dB", kind, size), func(b *testing.B) {
				c := startClassic(b, Config{Min: 1, Command: []string{path}})
				req := hello(b, c, size)
				b.SetBytes(int64(size))
				b.ReportAllocs()
				for b.Loop() {
					turn, err := c.Exec(b.Context(), req)
					if err != nil {
						b.Fatal(err)
					}
					n := len(turn.Frame.Body())
					for turn.Open() && turn.Next() == nil { // PHP has paused
						n += len(turn.Frame.Body())
					}
					if n != size {
						b.Fatalf("%d bytes came", n)
					}
					turn.Close()
				}
			})
		}
	}
}

// workerScript is a loop of PHP that answers over goridge, without any package.
const workerScript = `<?php
$in = fopen("php://fd/3", "rb"); $out = fopen("php://fd/4", "wb");
stream_set_read_buffer($in, 0); stream_set_write_buffer($out, 0);
function frame($flags, $context, $body) {
	$n = $flags & 1 ? 0 : 1;
	$head = pack("CCV", 16 | 3 + $n, $flags, strlen($context) + strlen($body));
	return $head . pack("V", crc32($head)) . "\0\0" . ($n ? pack("V", strlen($context)) : "") . $context . $body;
}
while (($head = fread($in, 12)) !== "" && $head !== false) {
	$words = ord($head[0]) & 15; $flags = ord($head[1]); $size = unpack("V", $head, 2)[1];
	if ($words > 3) fread($in, 4 * ($words - 3));
	$text = "";
	while (strlen($text) < $size) $text .= fread($in, $size - strlen($text));
	if ($flags & 1) {
		if (strpos($text, "stop")) exit;
		fwrite($out, frame(1, "", json_encode(["pid" => getmypid()])));
	} else {
		fwrite($out, frame(0, '{"status":200,"headers":{"Content-Type":["text/html"]}}', str_repeat("x", (int) getenv("SIZE"))));
	}
}
`

// BenchmarkWorker is one request after the other to a worker that speaks goridge.
func BenchmarkWorker(b *testing.B) {
	for _, size := range []int{12, 100 << 10} {
		b.Run(fmt.Sprintf("%dB", size), func(b *testing.B) {
			name := filepath.Join(b.TempDir(), "worker.php")
			if err := os.WriteFile(name, []byte(workerScript), 0o644); err != nil {
				b.Fatal(err)
			}
			p := start(b, Config{Command: []string{"php", name}, Min: 1, Max: 1, Env: map[string]string{"SIZE": fmt.Sprint(size)}})
			req := script("{}", "body")
			req.Frame = append(make([]byte, 0, len(req.Frame)+1024), req.Frame...)
			b.SetBytes(int64(size))
			b.ReportAllocs()
			for b.Loop() {
				turn, err := p.Exec(b.Context(), req)
				if err != nil {
					b.Fatal(err)
				}
				if len(turn.Frame.Body()) != size {
					b.Fatalf("%d bytes came", len(turn.Frame.Body()))
				}
				turn.Close()
			}
		})
	}
}
