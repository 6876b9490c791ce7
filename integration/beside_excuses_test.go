package integration

import (
	"regexp"
	"testing"
)

// excuse is a difference that is meant, with its reason. docs/classic.md has them all.
type excuse struct {
	request    string // matches the method and the path
	difference string // matches what differences() says
	reason     string
}

// excuses are those of a test.
type excuses struct {
	list []excuse
	used map[int]bool
}

// excusing makes them; the end of the test reports those that excuse nothing.
func excusing(t *testing.T, list ...excuse) *excuses {
	t.Helper()
	e := &excuses{list, make(map[int]bool)}
	t.Cleanup(func() {
		for i, one := range e.list {
			if !e.used[i] && !t.Failed() {
				t.Errorf("nothing differs any more because %s: take it out of the list", one.reason)
			}
		}
	})
	return e
}

// cover says whether the difference is one of them.
func (e *excuses) cover(request, difference string) bool {
	for i, one := range e.list {
		if matches(one.request, request) && matches(one.difference, difference) {
			e.used[i] = true
			return true
		}
	}
	return false
}

func matches(expression, text string) bool {
	return regexp.MustCompile(`^(?s:` + expression + `)`).MatchString(text)
}
