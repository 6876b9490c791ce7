package launch

import (
	"os"
	"path/filepath"
	"slices"
	"strings"
)

// environment is what the worker sees; relay may be "". The user's own entries win.
func (s *Settings) environment(relay, iniDir, dir string) []string {
	env := make(map[string]string)
	for _, entry := range os.Environ() {
		name, value, _ := strings.Cut(entry, "=")
		if !s.ClearEnv && s.User == nil || name == "PATH" {
			env[name] = value
		}
	}
	if u := s.User; u != nil && u.Name != "" {
		env["USER"], env["LOGNAME"], env["HOME"] = u.Name, u.Name, u.Home
	}
	env["PWD"] = dir
	if relay != "" {
		for _, name := range append([]string{"RR_RELAY"}, s.RelayEnvName...) {
			env[name] = relay
		}
	}
	scan, set := env["PHP_INI_SCAN_DIR"]
	for name, value := range s.Env {
		env[name] = value
		if name == "PHP_INI_SCAN_DIR" {
			scan, set = value, true
		}
	}
	if iniDir != "" {
		// An empty element stands for the folder that PHP was built with.
		if !set {
			scan = ""
		}
		env["PHP_INI_SCAN_DIR"] = scan + string(filepath.ListSeparator) + iniDir
	}
	list := make([]string, 0, len(env))
	for name, value := range env {
		list = append(list, name+"="+value)
	}
	slices.Sort(list)
	return list
}
