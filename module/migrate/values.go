package migrate

import (
	"errors"
	"fmt"
	"slices"
	"strconv"
	"strings"
	"time"
)

// placeholders are what variables of nginx are called in a Caddyfile.
var placeholders = map[string]string{
	"uri": "{path}", "document_uri": "{path}", "request_uri": "{uri}",
	"args": "{query}", "query_string": "{query}", "host": "{host}", "http_host": "{hostport}", "scheme": "{scheme}",
	"request_method": "{method}", "remote_addr": "{client_ip}", "remote_port": "{remote_port}",
	"server_protocol": "{http.request.proto}", "server_port": "{port}", "realip_remote_addr": "{remote_host}",
	"ssl_protocol": "{tls_version}", "ssl_cipher": "{tls_cipher}", "request_id": "{uuid}",
}

// expand replaces the variables of a value. capture is the name of the regular expression whose groups $1 and
// $name stand for, "" where there is none.
func (s *site) expand(value, capture string) (string, error) {
	var b strings.Builder
	for value != "" {
		before, rest, ok := strings.Cut(value, "$")
		b.WriteString(before)
		if !ok {
			break
		}
		name, after := variable(rest)
		value = after
		switch {
		case name == "is_args" && hasVariable(after, "args", "query_string"):
			_, value = variable(after[1:])
			b.WriteString("{?query}")
			continue
		case name == "":
			b.WriteByte('$')
			continue
		}
		text, err := s.variable(name, capture)
		if err != nil {
			return "", err
		}
		b.WriteString(text)
	}
	return b.String(), nil
}

// hasVariable says whether text begins with one of these variables.
func hasVariable(text string, names ...string) bool {
	if !strings.HasPrefix(text, "$") {
		return false
	}
	name, _ := variable(text[1:])
	return slices.Contains(names, name)
}

// variable cuts the name of a variable off the text behind the dollar sign.
func variable(text string) (name, rest string) {
	if strings.HasPrefix(text, "{") {
		if inner, rest, ok := strings.Cut(text[1:], "}"); ok {
			return inner, rest
		}
	}
	if text != "" && text[0] >= '0' && text[0] <= '9' {
		return text[:1], text[1:]
	}
	end := strings.IndexFunc(text, func(r rune) bool {
		return r != '_' && (r < '0' || r > '9') && (r < 'a' || r > 'z') && (r < 'A' || r > 'Z')
	})
	if end < 0 {
		end = len(text)
	}
	return text[:end], text[end:]
}

// variable is the placeholder of one variable.
func (s *site) variable(name, capture string) (string, error) {
	if value, ok := s.vars[name]; ok {
		return value, nil
	}
	if text, ok := placeholders[name]; ok {
		return text, nil
	}
	switch {
	case s.maps[name] != nil:
		return s.useMap(name)
	case name == "server_name" && s.name != "":
		return s.name, nil
	case name == "document_root" && s.root != "":
		return s.root, nil
	case strings.HasPrefix(name, "http_"):
		return "{header." + headerName(name[len("http_"):]) + "}", nil
	case strings.HasPrefix(name, "cookie_"):
		return "{cookie." + name[len("cookie_"):] + "}", nil
	case strings.HasPrefix(name, "arg_"):
		return "{query." + name[len("arg_"):] + "}", nil
	case capture != "" && (name[0] >= '1' && name[0] <= '9' || s.groups[capture+"."+name]):
		return "{re." + capture + "." + name + "}", nil
	}
	return "", fmt.Errorf("Caddy has no $%s", name)
}

// headerName is the name of a header as it is written: user_agent is User-Agent.
func headerName(name string) string {
	words := strings.Split(strings.ToLower(name), "_")
	for i, w := range words {
		if w != "" {
			words[i] = strings.ToUpper(w[:1]) + w[1:]
		}
	}
	return strings.Join(words, "-")
}

// size is a size of nginx or of PHP (64m) as one of a Caddyfile (64MiB).
func size(value string) (string, error) {
	digits := strings.TrimRight(value, "kKmMgGbB")
	n, err := strconv.ParseInt(digits, 10, 64)
	if err != nil || n < 0 || len(value)-len(digits) > 1 {
		return "", fmt.Errorf("%q is no size", value)
	}
	unit := map[string]string{"": "B", "k": "KiB", "m": "MiB", "g": "GiB"}[strings.ToLower(value[len(digits):])]
	if unit == "" {
		unit = "B"
	}
	return strconv.FormatInt(n, 10) + unit, nil
}

// errFewBytes is said of a size of a php.ini that php_worker refuses.
var errFewBytes = errors.New("so few bytes without a unit are hardly meant: write an ini line with K or M")

// lacksUnit says whether php_worker refuses this value of an ini line.
func lacksUnit(name, value string) bool {
	n, err := strconv.Atoi(strings.TrimSpace(value))
	return err == nil && n > 0 && n < 10_000 && slices.Contains([]string{"memory_limit", "post_max_size", "upload_max_filesize"}, name)
}

// largestBody is the largest max_body that php_worker takes.
const largestBody = "4080MiB"

// exceeds compares two sizes of a Caddyfile as size writes them.
func exceeds(value, most string) bool {
	bytes := func(value string) float64 {
		digits := strings.TrimRight(value, "KMGiB")
		n, _ := strconv.ParseFloat(digits, 64)
		return n * map[string]float64{"B": 1, "KiB": 1 << 10, "MiB": 1 << 20, "GiB": 1 << 30}[value[len(digits):]]
	}
	return bytes(value) > bytes(most)
}

// duration reads a time of nginx or PHP-FPM: 60, 60s, 1h30m, 500ms.
func duration(value string) (time.Duration, error) {
	units := []struct {
		name string
		unit time.Duration
	}{{"ms", time.Millisecond}, {"s", time.Second}, {"m", time.Minute}, {"h", time.Hour}, {"d", 24 * time.Hour}, {"w", 7 * 24 * time.Hour}, {"M", 30 * 24 * time.Hour}, {"y", 365 * 24 * time.Hour}, {"", time.Second}}
	const most = 100 * 365 * 24 * time.Hour
	var sum time.Duration
	rest := strings.ReplaceAll(value, " ", "")
	for first := true; rest != "" || first; first = false {
		digits := rest[:len(rest)-len(strings.TrimLeft(rest, "0123456789"))]
		n, err := strconv.ParseInt(digits, 10, 64)
		if err != nil {
			return 0, fmt.Errorf("%q is no duration", value)
		}
		rest = rest[len(digits):]
		for _, u := range units {
			if after, ok := strings.CutPrefix(rest, u.name); ok {
				if n > int64(most/u.unit) {
					return 0, fmt.Errorf("%q is longer than a hundred years", value)
				}
				sum, rest = sum+time.Duration(n)*u.unit, after
				break
			}
		}
	}
	return sum, nil
}

// short is a duration as one writes it.
func short(d time.Duration) string {
	text := d.String()
	if strings.HasSuffix(text, "m0s") {
		text = strings.TrimSuffix(text, "0s")
	}
	if strings.HasSuffix(text, "h0m") {
		text = strings.TrimSuffix(text, "0m")
	}
	return text
}
