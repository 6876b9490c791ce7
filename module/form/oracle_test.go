package form

import (
	"bytes"
	"encoding/base64"
	"encoding/json"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"testing"
	"unicode/utf8"
)

// program finds a PHP binary. PHP is what these tests compare with, so its
// absence is a failure, never a reason to skip.
func program(t *testing.T, name string) string {
	t.Helper()
	path, err := exec.LookPath(name)
	if err != nil {
		t.Fatalf("these tests need %s: %v", name, err)
	}
	return path
}

// question is a urlencoded body and the JSON made of it.
type question struct {
	body string
	json []byte
}

// answer is what PHP's parse_str and json_decode make of them.
type answer struct{ parsed, decoded string }

// ask puts all questions to one PHP process.
func ask(t *testing.T, questions []question) []answer {
	t.Helper()
	var in strings.Builder
	for _, q := range questions {
		fmt.Fprintf(&in, "%s %s\n", base64.StdEncoding.EncodeToString([]byte(q.body)), base64.StdEncoding.EncodeToString(q.json))
	}
	cmd := exec.CommandContext(t.Context(), program(t, "php"), "-n", "-d", "display_errors=stderr", "testdata/oracle.php")
	cmd.Stdin = strings.NewReader(in.String())
	var stderr bytes.Buffer
	cmd.Stderr = &stderr
	out, err := cmd.Output()
	if err != nil || stderr.Len() > 0 {
		t.Fatalf("php: %v\n%s", err, stderr.Bytes())
	}
	lines := strings.Split(strings.TrimSuffix(string(out), "\n"), "\n")
	if len(lines) != len(questions) {
		t.Fatalf("php answered %d of %d questions", len(lines), len(questions))
	}
	answers := make([]answer, len(lines))
	for i, line := range lines {
		answers[i].parsed, answers[i].decoded, _ = strings.Cut(line, " ")
	}
	return answers
}

// request is what php-cgi made of a request.
type request struct{ post, files, cookies, warnings string }

// ini holds max_input_vars and so on, as -d takes them.
func cgi(t *testing.T, contentType, body, cookies string, ini ...string) request {
	t.Helper()
	script, err := filepath.Abs("testdata/request.php")
	if err != nil {
		t.Fatal(err)
	}
	args := []string{"-n", "-q", "-d", "display_errors=0", "-d", "log_errors=1", "-d", "post_max_size=0"}
	for _, setting := range ini {
		args = append(args, "-d", setting)
	}
	cmd := exec.CommandContext(t.Context(), program(t, "php-cgi"), args...)
	cmd.Env = []string{
		"REDIRECT_STATUS=1", "REQUEST_METHOD=POST", "SCRIPT_FILENAME=" + script, "CONTENT_TYPE=" + contentType,
		"CONTENT_LENGTH=" + strconv.Itoa(len(body)), "HTTP_COOKIE=" + cookies, "TMPDIR=" + os.TempDir(),
	}
	cmd.Stdin = strings.NewReader(body)
	var stderr bytes.Buffer
	cmd.Stderr = &stderr
	out, err := cmd.Output()
	if err != nil {
		t.Fatalf("php-cgi: %v\n%s", err, stderr.Bytes())
	}
	_, text, ok := strings.Cut(strings.ReplaceAll(string(out), "\r\n", "\n"), "\n\n")
	lines := strings.Split(text, "\n")
	if !ok || len(lines) != 4 {
		t.Fatalf("php-cgi answered\n%s\n%s", out, stderr.Bytes())
	}
	return request{post: lines[0], files: lines[1], cookies: lines[2], warnings: stderr.String()}
}

// array is a PHP array read back from its dump or from JSON.
type array struct {
	keys   []string
	values map[string]any // string, int64 or *array
}

func (a *array) set(key string, v any) {
	if _, ok := a.values[key]; !ok {
		a.keys = append(a.keys, key)
	}
	if a.values == nil {
		a.values = map[string]any{}
	}
	a.values[key] = v
}

// dump writes a as dump.php does, after applying text to all keys and strings.
func (a *array) dump(text func(string) string) string {
	b64 := func(s string) string { return base64.StdEncoding.EncodeToString([]byte(s)) }
	merged := &array{}
	for _, key := range a.keys {
		merged.set(text(key), a.values[key])
	}
	var out strings.Builder
	out.WriteString("{")
	for _, key := range merged.keys {
		if _, ok := integerKey(key); ok {
			out.WriteString("i" + key + "=")
		} else {
			out.WriteString("s" + b64(key) + "=")
		}
		switch v := merged.values[key].(type) {
		case string:
			out.WriteString("v" + b64(text(v)) + ";")
		case int64:
			fmt.Fprintf(&out, "n%d;", v)
		case *array:
			out.WriteString(v.dump(text))
		}
	}
	return out.String() + "}"
}

// asJSONKeepsIt is the dump of an array after a way through JSON.
func asJSONKeepsIt(t *testing.T, dump string) string {
	t.Helper()
	a, rest := parseDump(t, dump[1:])
	if rest != "" {
		t.Fatalf("dump goes on: %q", rest)
	}
	return a.dump(func(s string) string {
		var b strings.Builder
		for i, r := range s { // what is not UTF-8 is read as ISO-8859-1
			if r == utf8.RuneError && !strings.HasPrefix(s[i:], "\uFFFD") {
				r = rune(s[i])
			}
			b.WriteRune(r)
		}
		return b.String()
	})
}

// parseDump reads an array after its opening brace.
func parseDump(t *testing.T, s string) (*array, string) {
	t.Helper()
	text := func(s string) string {
		b, err := base64.StdEncoding.DecodeString(s)
		if err != nil {
			t.Fatal(err)
		}
		return string(b)
	}
	a := &array{}
	for s != "" && s[0] != '}' {
		end := strings.IndexByte(s, '=')
		for end+1 < len(s) && s[end+1] == '=' { // padding
			end++
		}
		key := s[1:end]
		if s[0] == 's' {
			key = text(key)
		}
		s = s[end+1:]
		switch s[0] {
		case '{':
			var sub *array
			sub, s = parseDump(t, s[1:])
			a.set(key, sub)
		default:
			raw, rest, _ := strings.Cut(s[1:], ";")
			if s[0] == 'n' {
				n, err := strconv.ParseInt(raw, 10, 64)
				if err != nil {
					t.Fatal(err)
				}
				a.set(key, n)
			} else {
				a.set(key, text(raw))
			}
			s = rest
		}
	}
	if s == "" {
		t.Fatal("dump ends early")
	}
	return a, s[1:]
}

// decodeJSON reads JSON as json_decode(…, true) does, in order.
func decodeJSON(t *testing.T, text []byte) *array {
	t.Helper()
	d := json.NewDecoder(bytes.NewReader(text))
	d.UseNumber()
	next := func() json.Token {
		token, err := d.Token()
		if err != nil {
			t.Fatalf("%v in %s", err, text)
		}
		return token
	}
	var read func(json.Delim) *array
	read = func(open json.Delim) *array {
		a := &array{}
		for i := 0; d.More(); i++ {
			key := strconv.Itoa(i)
			if open == '{' {
				key = next().(string)
			}
			switch v := next().(type) {
			case string:
				a.set(key, v)
			case json.Number:
				n, err := v.Int64()
				if err != nil {
					t.Fatal(err)
				}
				a.set(key, n)
			case json.Delim:
				a.set(key, read(v))
			default:
				t.Fatalf("unexpected %v in %s", v, text)
			}
		}
		next()
		return a
	}
	a := read(next().(json.Delim))
	if d.More() {
		t.Fatalf("more than one value in %s", text)
	}
	return a
}

// same leaves a string as it is.
func same(s string) string { return s }
