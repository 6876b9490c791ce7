package module

import (
	"errors"
	"fmt"
	"reflect"
	"slices"
	"strings"
)

// The modes of a pool.
const (
	modeWorker  = "worker"
	modeClassic = "classic"
)

// Classic reports whether the processes run, for each request, the script that it names.
func (c *PoolConfig) Classic() bool {
	return c.Mode == modeClassic || c.Mode == "" && len(c.Script) == 0 && len(c.Command) == 0
}

// notClassic are the options without a meaning in classic mode, and why; onlyClassic are those with one in no other.
var (
	notClassic = map[string]string{
		"codec":      "requests travel over FastCGI",
		"relay":      "requests travel over FastCGI, on a socket for each process",
		"pipeline":   "no request is sent to a process that is still at another one",
		"warmup":     "each request begins anew, so there is nothing to warm up",
		"raw_body":   "PHP gets every body as it came, and reads forms itself",
		"max_files":  "PHP stores uploads itself: use ini max_file_uploads",
		"allow":      "PHP stores uploads itself, and the application says which",
		"forbid":     "PHP stores uploads itself, and the application says which",
		"attribute":  "it is one of PSR-7; env sets what $_SERVER has for all requests",
		"attributes": "they are those of PSR-7; env sets what $_SERVER has for all requests",
	}
	onlyClassic = []string{"resolve_root", "preload", "split", "index", "try_files", "deny_scripts"}
)

// Misplaced says why the option of that name has no meaning in the mode; "": it has one.
func Misplaced(option string, classic bool) string {
	switch {
	case classic:
		return notClassic[option]
	case option == "preload":
		return "a worker loads its classes once, when it starts"
	case slices.Contains(onlyClassic, option):
		return "it is about the scripts that requests name, and a worker has one script"
	}
	return ""
}

// ModeName is what the mode is called in messages.
func ModeName(classic bool) string {
	if classic {
		return modeClassic
	}
	return modeWorker
}

// checkMode refuses what contradicts the mode. It is for a pool's own settings, before the defaults fill them.
func (c *PoolConfig) checkMode() error {
	runs := len(c.Script) > 0 || len(c.Command) > 0
	switch {
	case !slices.Contains([]string{"", modeWorker, modeClassic}, c.Mode):
		return fmt.Errorf("unknown mode %q: it is one of worker, classic", c.Mode)
	case c.Mode == modeClassic && runs:
		return errors.New("mode classic contradicts a script or a command: each request names the script that runs")
	case c.Mode == modeWorker && !runs:
		return errors.New("mode worker needs a script or a command")
	}
	return misplaced(c, c.Classic())
}

// misplaced reports the first field, by its JSON key, that is set and has no meaning in the mode.
func misplaced(settings any, classic bool) error {
	v := reflect.ValueOf(settings).Elem()
	for i := range v.NumField() {
		name := jsonKey(v.Type().Field(i))
		if why := Misplaced(name, classic); why != "" && !v.Field(i).IsZero() {
			return fmt.Errorf("%s has no meaning in %s mode: %s", name, ModeName(classic), why)
		}
	}
	return nil
}

func jsonKey(f reflect.StructField) string {
	name, _, _ := strings.Cut(f.Tag.Get("json"), ",")
	return name
}
