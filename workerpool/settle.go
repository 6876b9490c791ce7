package workerpool

import (
	"errors"
	"io"
	"os"
	"time"

	"go.uber.org/zap"

	"github.com/phpworker/caddy-php-worker/goridge"
)

// readFrame reads a frame and answers its ping.
func (w *worker) readFrame(f *goridge.Frame) error {
	if err := w.conn.ReadFrame(f); err != nil {
		return err
	}
	if f.Ping() {
		if _, err := w.conn.Write(goridge.AppendStreamPong(nil)); err != nil {
			f.Release()
			return err
		}
	}
	return nil
}

// sift judges a frame read while the pid frame of the last answer is still
// outstanding: it belongs to the past. The frame is released.
func (w *worker) sift(f *goridge.Frame) error {
	defer f.Release()
	switch _, err := f.PID(); {
	case err == nil && w.doubt > 0:
		w.doubt--
		return nil
	case err == nil:
		w.settled, w.abandoned = true, 0
		return nil
	case f.IsStopRequest():
		w.wantsOut = true
		return nil
	case w.abandoned > 0 && f.More(): // the 3.x client may have dropped the others, and pid frames
		return errWantsOut
	case w.abandoned > 0:
		w.abandoned--
		_, err := io.Copy(io.Discard, f)
		return err
	}
	what := "answer"
	if f.IsError() {
		what = "error"
	}
	w.pool.log().Warn("dropped what the worker said after its answer; a worker must respond exactly once to each request",
		zap.Int64("pid", w.pid.Load()), zap.String("dropped", what), zap.Uint32("bytes", f.PayloadLen),
		zap.String("text", preview(f)))
	_, err := io.Copy(io.Discard, f)
	return err
}

// preview shows an error's text; an answer's may be somebody's private page.
func preview(f *goridge.Frame) string {
	if !f.IsError() {
		return ""
	}
	return string(f.Payload[:min(len(f.Payload), 1000)])
}

// trySettle takes what has already arrived, without waiting. An error means
// that the worker is of no use any more.
func (w *worker) trySettle() error {
	for !w.settled {
		var f goridge.Frame
		ok, err := w.conn.TryReadFrame(&f)
		if err != nil || !ok {
			return err
		}
		if f.Ping() {
			if _, err := w.conn.Write(goridge.AppendStreamPong(nil)); err != nil {
				return err
			}
		}
		if err := w.sift(&f); err != nil {
			return err
		}
	}
	if w.wantsOut {
		return errWantsOut
	}
	return nil
}

// settle waits for the pid frame. Each request that has been abandoned may take as long as
// one that somebody waits for.
func (w *worker) settle() error {
	limited := w.abandoned > 0 && w.pool.config.RequestTimeout > 0
	if limited {
		defer func() { _ = w.conn.SetReadDeadline(time.Time{}) }()
	}
	for !w.settled {
		var f goridge.Frame
		if err := w.readFrame(&f); err != nil {
			if limited && errors.Is(err, os.ErrDeadlineExceeded) {
				err = ErrTimeout
			}
			return err
		}
		doubt := w.doubt
		if err := w.sift(&f); err != nil {
			return err
		}
		if limited && w.doubt < doubt {
			_ = w.conn.SetReadDeadline(time.Now().Add(w.pool.config.RequestTimeout))
		}
	}
	if w.wantsOut {
		return errWantsOut
	}
	return nil
}
