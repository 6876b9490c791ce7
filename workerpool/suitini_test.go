package workerpool

import (
	"fmt"
	"slices"
	"testing"

	"go.uber.org/zap"
)

func TestAProgramThatDoesNotTellIsNoReasonNotToStart(t *testing.T) {
	c := self(1)
	c.IsPHP = true // which it is not
	var asked []*PHP
	c.SuitIni = func(php *PHP, _ *zap.Logger) map[string]string {
		asked = append(asked, php)
		return nil
	}
	p := start(t, c)
	if got := ask(t, p, "answer", "served"); got != "served" || !slices.Equal(asked, []*PHP{nil}) {
		t.Errorf("got %q; it was asked %v", got, asked)
	}
}

func TestSettingsThatSuitPHPAreFoundAnewWithEachRestart(t *testing.T) {
	c := self(1)
	c.Ini = map[string]string{"user_agent": "mine"}
	// The worker is a fake; what matters is PHP that is started with its environment.
	c.Command = []string{"/bin/sh", "-c", `php -r 'fwrite(STDERR, "reads ".ini_get("user_agent")." ".ini_get("precision")."\n");'; "$0" & wait`, player}
	n := 3
	c.SuitIni = func(*PHP, *zap.Logger) map[string]string {
		n++
		return map[string]string{"precision": fmt.Sprint(n), "user_agent": "not mine"}
	}
	p, logs := startLogged(t, c)
	eventually(t, "the first worker's PHP has told", func() bool { return logs.FilterMessage("reads mine 4").Len() == 1 })
	for pid := range pids(p) { // one of the same generation
		_, _ = p.Exec(t.Context(), script("exit 1"))
		eventually(t, "it is replaced", func() bool { return !pids(p)[pid] && inState(p, StateIdle) == 1 })
	}
	eventually(t, "the second one's, too", func() bool { return logs.FilterMessage("reads mine 4").Len() == 2 })
	restart(t, p)
	eventually(t, "and the third one's", func() bool { return logs.FilterMessage("reads mine 5").Len() == 1 })
}
