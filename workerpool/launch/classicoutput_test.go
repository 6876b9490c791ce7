//go:build linux

package launch

import (
	"os"
	"slices"
	"testing"

	"go.uber.org/zap"
)

// php-fpm tells that a process has ended before it has read what that has printed last.
func TestTheLastWordsOfAProcessAreItsOwnThoughTheyAreToldBehindItsEnd(t *testing.T) {
	const say = "[29-Nov-2026 07:40:57] WARNING: [pool php_worker] child "
	r, w, err := os.Pipe()
	if err != nil {
		t.Fatal(err)
	}
	defer r.Close()
	p := &classicParent{kind: sapiFPM, stderr: r, out: &output{logger: zap.NewNop}, read: make(chan struct{}), children: make(map[int]*classicChild)}
	go p.readOutput()
	for _, behind := range []string{
		"", // nothing comes
		say + "8 exited on signal 9 (SIGKILL) after 0.1 seconds from start\n",
		say + "7 started\n",
		"[29-Nov-2026 07:40:57] NOTICE: reloading\n",
	} {
		c := p.child(7)
		text := say + "7 said into stderr: \"first\"\n" +
			say + "7 exited on signal 11 (SIGSEGV) after 0.1 seconds from start\n" +
			say + "7 said into stderr: \"PHP Fatal error:  last words\"\n" + behind
		if _, err := w.WriteString(text); err != nil {
			t.Fatal(err)
		}
		<-c.ended
		if got := c.out.tail(); c.exit != "signal: segmentation fault" || !slices.Equal(got, []string{"first", "PHP Fatal error:  last words"}) {
			t.Errorf("before %q: %s, %q", behind, c.exit, got)
		}
	}
	w.Close()
	<-p.read
	if len(p.children) > 0 {
		t.Errorf("processes that have ended are known for ever: %v", p.children)
	}
}

// It would complain of a line in the configuration that is ours.
func TestAProcessOfPHPFPMHasNothingToSayAtItsStart(t *testing.T) {
	l := classicFor(t, "fpm", Settings{})
	o, _ := order()
	w, c := linked(t, l, o)
	if err := c.AskToLeave(); err != nil {
		t.Error(err)
	}
	ended(t, w)
	if said := w.Tail(); len(said) > 0 {
		t.Errorf("it said %q", said)
	}
}
