package workerpool

import (
	"fmt"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
)

// writeIni writes the pool's php.ini settings into a folder of their own, which
// every worker gets through PHP_INI_SCAN_DIR: so they reach PHP also behind a
// wrapper, where "-d" flags would not. The caller removes the folder.
func writeIni(folder *Folder, settings map[string]string, user *User) (string, error) {
	if len(settings) == 0 {
		return "", nil
	}
	var b strings.Builder
	b.WriteString("; Written by php_worker for one pool; removed with it.\n")
	names := make([]string, 0, len(settings))
	for name := range settings {
		names = append(names, name)
	}
	slices.Sort(names)
	for _, name := range names {
		line, err := iniLine(name, settings[name])
		if err != nil {
			return "", err
		}
		b.WriteString(line)
	}
	dir, err := folder.mkdir("ini")
	if err != nil {
		return "", err
	}
	file := filepath.Join(dir, "99-php_worker.ini")
	err = os.WriteFile(file, []byte(b.String()), 0o600)
	if err == nil && user != nil { // the folder last: it is theirs from then on
		if err = os.Chown(file, int(user.UID), int(user.GID)); err == nil {
			err = os.Chown(dir, int(user.UID), int(user.GID))
		}
	}
	if err != nil {
		os.RemoveAll(dir)
		return "", fmt.Errorf("writing the ini settings: %w", err)
	}
	return dir, nil
}

// errorLevels is an expression of error levels, which PHP computes only where it
// stands without quotes.
var errorLevels = regexp.MustCompile(`^[~ ]*E_[A-Z_]+([ &|^~]+E_[A-Z_]+)*$`)

// iniLine quotes the value, so that PHP reads it as the text it is: in a quoted
// value only the quote, the backslash in front of one, and ${ mean something.
func iniLine(name, value string) (string, error) {
	if name == "" || strings.ContainsAny(name, "\r\n\x00=;[]\"") {
		return "", fmt.Errorf("%q is not the name of an ini setting", name)
	}
	if strings.ContainsAny(value, "\r\n\x00") {
		return "", fmt.Errorf("the value of the ini setting %q has a line break or NUL byte", name)
	}
	switch strings.ToLower(value) {
	case "on", "off", "yes", "no", "true", "false", "none", "null":
		return name + " = " + value + "\n", nil
	}
	if errorLevels.MatchString(value) {
		return name + " = " + value + "\n", nil
	}
	value = strings.ReplaceAll(value, `\`, `\\`)
	value = strings.ReplaceAll(value, `"`, `\"`)
	value = strings.ReplaceAll(value, `$`, `\$`)
	return name + ` = "` + value + "\"\n", nil
}
