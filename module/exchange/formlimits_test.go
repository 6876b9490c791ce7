package exchange

import (
	"testing"

	"github.com/phpworker/caddy-php-worker/module/form"
)

func TestLinesOfPHPIniBoundForms(t *testing.T) {
	for _, c := range []struct {
		ini  map[string]string
		want FormLimits
	}{
		{nil, FormLimits{}},
		{map[string]string{"memory_limit": "1G"}, FormLimits{}},
		{map[string]string{"max_input_vars": "5000", "max_input_nesting_level": "100"}, FormLimits{Limits: form.Limits{MaxVars: 5000, MaxDepth: 100}}},
		{map[string]string{"arg_separator.input": ";&"}, FormLimits{Limits: form.Limits{Separators: ";&"}}},
		{map[string]string{"max_file_uploads": "3", "upload_max_filesize": "2M"}, FormLimits{MaxFiles: 3, MaxFileSize: 2 << 20}},
		{map[string]string{"upload_max_filesize": "1k"}, FormLimits{MaxFileSize: 1 << 10}},
		{map[string]string{"upload_max_filesize": " 1G"}, FormLimits{MaxFileSize: 1 << 30}},
		{map[string]string{"upload_max_filesize": "0"}, FormLimits{}},
	} {
		if got, err := FormLimitsOf(c.ini); err != nil || got != c.want {
			t.Errorf("%v: %+v, %v, want %+v", c.ini, got, err, c.want)
		}
	}
	for _, ini := range []map[string]string{
		{"max_input_vars": "0"}, {"max_input_vars": "-1"}, {"max_input_vars": "many"}, {"max_input_vars": ""}, {"max_input_vars": "M"},
		{"max_input_nesting_level": "501"}, {"upload_max_filesize": "2MB"}, {"upload_max_filesize": "-1"}, {"upload_max_filesize": "9999999999999G"},
	} {
		if got, err := FormLimitsOf(ini); err == nil {
			t.Errorf("%v was taken for %+v", ini, got)
		}
	}
}
