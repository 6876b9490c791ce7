package fastcgi

import (
	"context"
	"errors"
	"fmt"

	"github.com/phpworker/caddy-php-worker/goridge"
)

// Supported is nil where conversations are possible; else it says what is missing.
func Supported() error { return supported }

// errNoSender says that nobody can tell who speaks.
var errNoSender = errors.New("the system does not tell which process answers")

// Connect connects to the socket of a php-fpm or php-cgi, and has the process that accepts the connection answer ping, a request
// without a body. When it is ready it is that process's connection, and nobody else's, for as long as it is kept. On an error nothing is left of it.
//
// Errors are the cause of ctx, and what the system or the answer says.
func Connect(ctx context.Context, path string, ping []byte, o Options) (*Link, error) {
	sock, err := dial(path)
	if err != nil {
		return nil, fmt.Errorf("connecting to PHP: %w", err)
	}
	l := newLink(sock, o)
	defer context.AfterFunc(ctx, l.Break)()
	if err := l.handshake(ping); err != nil {
		l.Close()
		if ctx.Err() != nil {
			err = context.Cause(ctx)
		}
		return nil, err
	}
	return l, nil
}

// handshake has the process answer, and waits until it is ready for more.
func (l *Link) handshake(ping []byte) error {
	l.openingOut = len(opening)
	if _, err := l.sock.write(opening); err != nil {
		return fmt.Errorf("speaking to PHP: %w", l.over(err))
	}
	if _, err := l.Send(append([]byte(nil), ping...), nil, 0); err != nil {
		return err
	}
	l.asked = 0
	for more := true; more; {
		var f goridge.Frame
		if err := l.Answer(&f); err != nil {
			return fmt.Errorf("waiting for PHP's first answer: %w", err)
		}
		more = f.More()
		f.Release()
	}
	if l.pid == 0 {
		return errNoSender
	}
	l.Finish(false)
	if err := l.CatchUp(0); err != nil {
		return fmt.Errorf("waiting until PHP is ready: %w", err)
	}
	return nil
}
