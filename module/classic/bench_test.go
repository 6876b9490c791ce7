package classic

import (
	"net/http"
	"testing"
)

func BenchmarkResolve(b *testing.B) {
	root := site(b, "index.php", "wp-admin/post.php")
	r := router(b, Rules{Deny: []string{"/uploads"}})
	for name, path := range map[string]string{"index": "/", "pretty": "/2026/11/hello-world/", "script": "/wp-admin/post.php"} {
		b.Run(name, func(b *testing.B) {
			b.ReportAllocs()
			for b.Loop() {
				if d := r.Resolve(root, path); d.Status != 0 {
					b.Fatal(d)
				}
			}
		})
	}
}

func BenchmarkParams(b *testing.B) {
	r := &Request{
		Script: Script{"/srv/app/public", "/srv/app/public/index.php", "/index.php", ""}, Method: "GET", Protocol: "HTTP/1.1", URI: "/2026/11/hello-world/", Scheme: "http",
		Host: "example.com", ServerName: "example.com", ServerAddr: "192.0.2.1", ServerPort: "80", RemoteAddr: "198.51.100.7", RemotePort: "4711", Software: "Caddy/v2", BodySize: -1,
		Header: http.Header{"Accept": {"*/*"}, "User-Agent": {"Mozilla/5.0 (X11; Linux x86_64; rv:140.0) Gecko/20100101 Firefox/140.0"}, "Accept-Encoding": {"gzip, deflate, br"}, "Cookie": {"sid=0123456789abcdef"}, "X-Own": {"1"}},
	}
	buf := make([]byte, 0, 4<<10)
	b.ReportAllocs()
	for b.Loop() {
		r.Append(buf, func(dst []byte, name, value string) []byte { return append(append(dst, name...), value...) })
	}
}
