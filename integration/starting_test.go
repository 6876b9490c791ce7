package integration

import (
	"crypto/ecdsa"
	"crypto/x509"
	"encoding/pem"
	"fmt"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
)

// healthView is Caddy's own word on its pools.
type healthView struct {
	Ready, Live bool
	Pools       map[string]struct {
		Ready  bool
		Reason string
	}
}

func (s *server) wantHealth(status int) (h healthView) {
	s.t.Helper()
	decode(s.t, []byte(s.wantAPI(status, http.MethodGet, "/php_worker/health", "")), &h)
	if h.Ready != (status == http.StatusOK) || !h.Live {
		s.t.Errorf("with status %d health says %+v", status, h)
	}
	return h
}

func TestHealthIsNotReadyWhileTheFirstPoolsBoot(t *testing.T) {
	t.Parallel()
	gate := filepath.Join(t.TempDir(), "gate")
	s := launch(t, on(freePorts(t, 1)[0], lifeWorker(t, "name app", "workers 1", env("BOOT_GATE", gate))))
	s.waitLog("waits at its gate")
	h := s.wantHealth(http.StatusServiceUnavailable)
	if app, named := h.Pools["app"]; !named || app.Ready || app.Reason != "starting" {
		t.Errorf("health says %+v", h)
	}
	openGate(t, gate)
	s.waitLog("serving initial configuration")
	if h := s.wantHealth(http.StatusOK); !h.Pools["app"].Ready {
		t.Errorf("health says %+v", h)
	}
}

// Caddy's admin endpoint answers before Caddy has as much as looked at its sites.
func TestHealthIsNotReadyBeforeThePoolsAreKnown(t *testing.T) {
	t.Parallel()
	cert, text := certificate(t, "localhost")
	key, err := x509.MarshalECPrivateKey(cert.PrivateKey.(*ecdsa.PrivateKey))
	if err != nil {
		t.Fatal(err)
	}
	dir := t.TempDir()
	writeFile(t, filepath.Join(dir, "key.pem"), string(pem.EncodeToMemory(&pem.Block{Type: "EC PRIVATE KEY", Bytes: key})))
	slow := filepath.Join(dir, "cert.pem")
	if err := syscall.Mkfifo(slow, 0o600); err != nil {
		t.Fatal(err)
	}
	s := launch(t, fmt.Sprintf("https://localhost:%d {\ntls %q %q\n%s\n}\n", freePorts(t, 1)[0], slow, filepath.Join(dir, "key.pem"), lifeWorker(t, "workers 1")))
	pipe, err := os.OpenFile(slow, os.O_WRONLY, 0) // waits until Caddy reads it
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { pipe.Close() })
	s.wantHealth(http.StatusServiceUnavailable)
	if _, err := pipe.Write(text); err != nil {
		t.Fatal(err)
	}
	pipe.Close()
	s.waitLog("serving initial configuration")
	s.wantHealth(http.StatusOK)
}

func TestHealthDuringAReloadTellsOfThePoolsThatServe(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct {
		before string
		status int // while the new pool boots
	}{
		"of the pools so far": {lifeWorker(t, "name app", "workers 1"), http.StatusOK},
		"of the first ones":   {"respond here", http.StatusServiceUnavailable},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			port := freePorts(t, 1)[0]
			s := start(t, on(port, c.before))
			s.wantHealth(http.StatusOK)
			gate := filepath.Join(t.TempDir(), "gate")
			script := s.write("new.php", fmt.Sprintf(`<?php
				fwrite(STDERR, "waits at its gate\n");
				while (!file_exists('%s')) usleep(1000);
				throw new RuntimeException('no');`, gate))
			loaded := make(chan string, 1)
			go func() {
				status, said := s.load(on(port, directive(script, "name app", "workers 2")))
				loaded <- fmt.Sprint(status, " ", said)
			}()
			s.waitLog("waits at its gate")
			s.wantHealth(c.status)
			openGate(t, gate)
			if said := <-loaded; !strings.HasPrefix(said, "400 ") {
				t.Errorf("the reload should have been rejected: %s", said)
			}
			s.wantHealth(http.StatusOK)
		})
	}
}

func TestAPoolThatCannotStartIsToldWhileAnotherStillBoots(t *testing.T) {
	t.Parallel()
	slow := filepath.Join(t.TempDir(), "gate") // which nobody opens
	ports := freePorts(t, 2)
	text := startFails(t, on(ports[0], lifeWorker(t, "name slow", "workers 1", "boot_timeout 1h", env("BOOT_GATE", slow)))+
		on(ports[1], lifeWorker(t, "name broken", "workers 1", env("DIE", "1"))))
	if !strings.Contains(text, "the database is not there") || !strings.Contains(text, `pool \"broken\" (php`) {
		t.Errorf("Caddy does not say why:\n%s", text)
	}
}
