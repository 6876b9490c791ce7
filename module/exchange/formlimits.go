package exchange

import (
	"fmt"
	"strconv"
	"strings"

	"github.com/phpworker/caddy-php-worker/module/form"
)

// FormLimits are the limits of forms and queries that the pool's php.ini lines
// set. What is zero has the default of package form.
type FormLimits struct {
	form.Limits
	// MaxFiles is the largest number of files.
	MaxFiles int
	// MaxFileSize is the size of the largest one in bytes; 0: none but MaxBody.
	MaxFileSize int64
}

// maxNesting is how deep a form may be nested at most: the worker decodes it with
// json_decode, which goes down 512 levels.
const maxNesting = 500

// FormLimitsOf reads the settings by which PHP would bound a form, were it to
// parse it. Its own defaults count where the lines say nothing, but for
// upload_max_filesize: no RoadRunner worker has ever had that limit.
func FormLimitsOf(ini map[string]string) (l FormLimits, err error) {
	number := func(name string, most int64) (n int64) {
		text, ok := ini[name]
		if !ok || err != nil {
			return 0
		}
		if n, err = ParseQuantity(text); err != nil || n < 1 || n > most {
			err = fmt.Errorf("ini %s %q: want a number from 1 to %d", name, text, most)
		}
		return n
	}
	l.MaxVars = int(number("max_input_vars", 1<<30))
	l.MaxDepth = int(number("max_input_nesting_level", maxNesting))
	l.Separators = ini["arg_separator.input"]
	l.MaxFiles = int(number("max_file_uploads", 1<<30))
	if ini["upload_max_filesize"] != "0" { // PHP's word for no limit
		l.MaxFileSize = number("upload_max_filesize", 1<<50)
	}
	return l, err
}

// ParseQuantity reads a number with php.ini's K, M or G behind it.
func ParseQuantity(text string) (int64, error) {
	text = strings.TrimSpace(text)
	shift := 0
	if text != "" {
		switch text[len(text)-1] {
		case 'k', 'K':
			shift = 10
		case 'm', 'M':
			shift = 20
		case 'g', 'G':
			shift = 30
		}
	}
	if shift > 0 {
		text = text[:len(text)-1]
	}
	n, err := strconv.ParseInt(text, 10, 64)
	if err != nil || n > 1<<50>>shift {
		return 0, fmt.Errorf("%q is not a number of php.ini", text)
	}
	return n << shift, nil
}
