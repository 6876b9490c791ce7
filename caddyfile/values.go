package caddyfile

import (
	"errors"
	"fmt"
	"math"
	"slices"
	"strconv"
	"strings"

	"github.com/caddyserver/caddy/v2"
	"github.com/dustin/go-humanize"

	"github.com/phpworker/caddy-php-worker/module"
)

// errEmpty is the error for "" where it would read like an absent option.
var errEmpty = errors.New("the value is empty")

// The functions below make the parse function of an option from the place of
// its value.

// text accepts one value that is not empty.
func text(at func(*settings) *string) func([]string, *settings) error {
	return func(args []string, s *settings) error {
		if args[0] == "" {
			return errEmpty
		}
		*at(s) = args[0]
		return nil
	}
}

// word accepts one of the allowed words.
func word(at func(*settings) *string, allowed ...string) func([]string, *settings) error {
	return func(args []string, s *settings) error {
		if err := oneOf(args[0], allowed...); err != nil {
			return err
		}
		*at(s) = args[0]
		return nil
	}
}

// list accepts values of which the first is not empty.
func list(at func(*settings) *[]string) func([]string, *settings) error {
	return func(args []string, s *settings) error {
		if args[0] == "" {
			return errEmpty
		}
		*at(s) = args
		return nil
	}
}

// pair accepts a key that is new and a value, which may be empty.
func pair(at func(*settings) *map[string]string) func([]string, *settings) error {
	return func(args []string, s *settings) error {
		pairs := at(s)
		if err := checkKey(args[0]); err != nil {
			return err
		}
		if _, ok := (*pairs)[args[0]]; ok {
			return fmt.Errorf("%q already specified", args[0])
		}
		if *pairs == nil {
			*pairs = make(map[string]string)
		}
		(*pairs)[args[0]] = args[1]
		return nil
	}
}

// present is set by the option's mere presence.
func present(at func(*settings) *bool) func([]string, *settings) error {
	return func(_ []string, s *settings) error {
		*at(s) = true
		return nil
	}
}

// count accepts a whole number from 1.
func count(at func(*settings) *int) func([]string, *settings) error {
	return func(args []string, s *settings) (err error) {
		*at(s), err = parseCount(args[0], 1)
		return err
	}
}

// size accepts a number of bytes from 1.
func size(at func(*settings) *int64) func([]string, *settings) error {
	return func(args []string, s *settings) (err error) {
		*at(s), err = parseSize(args[0])
		return err
	}
}

// duration accepts a duration above 0.
func duration(at func(*settings) *caddy.Duration) func([]string, *settings) error {
	return func(args []string, s *settings) (err error) {
		*at(s), err = parseDuration(args[0])
		return err
	}
}

// Zero is refused in sizes, durations and most numbers: in JSON it stands for the
// default, which is not what someone who writes 0 means.

func parseCount(s string, least int) (int, error) {
	n, err := strconv.Atoi(s)
	if err != nil || n < least {
		return 0, fmt.Errorf("%q is not a whole number from %d", s, least)
	}
	return n, nil
}

func parseSize(s string) (int64, error) {
	n, err := humanize.ParseBytes(s)
	if err != nil || n < 1 || n > math.MaxInt64 {
		return 0, fmt.Errorf("%q is not a size such as 512KB, 64MB or 1GiB", s)
	}
	if n < module.FewBytes && strings.Trim(s, "0123456789.,") == "" {
		return 0, fmt.Errorf("%q has no unit, and so few bytes are hardly meant: write %[2]sMB, or %[2]sB", s, s)
	}
	return int64(n), nil
}

func parseDuration(s string) (caddy.Duration, error) {
	n, err := caddy.ParseDuration(s)
	if err != nil || n <= 0 {
		return 0, fmt.Errorf("%q is not a duration such as 500ms, 30s or 5m", s)
	}
	return caddy.Duration(n), nil
}

func oneOf(s string, allowed ...string) error {
	if !slices.Contains(allowed, s) {
		return fmt.Errorf("%q is unknown; allowed: %s", s, strings.Join(allowed, ", "))
	}
	return nil
}

// checkKey refuses what can be no key of php.ini, of the environment or of a
// limit.
func checkKey(key string) error {
	if key == "" || strings.ContainsAny(key, "=\x00\r\n") {
		return fmt.Errorf("%q is not a key: key and value are separated by a space", key)
	}
	return nil
}

func parseAttribute(args []string, s *settings) error {
	attribute := module.Attribute{Name: args[0], Value: args[1]}
	if attribute.Name == "" {
		return errEmpty
	}
	if slices.ContainsFunc(s.handler.Attributes, func(a module.Attribute) bool { return a.Name == attribute.Name }) {
		return fmt.Errorf("%q already specified", attribute.Name)
	}
	s.handler.Attributes = append(s.handler.Attributes, attribute)
	return nil
}
