package workerpool

import (
	"context"
	"errors"
	"fmt"
	"io"
	"slices"
	"time"

	"go.uber.org/zap"

	"github.com/phpworker/caddy-php-worker/goridge"
	"github.com/phpworker/caddy-php-worker/workerpool/launch"
	"github.com/phpworker/caddy-php-worker/workerpool/link"
)

// Warmup is a request that every new worker must answer before it serves.
type Warmup struct {
	// Request is sent; its Body must be in memory.
	Request Request
	// Check judges the answer: an error fails the boot, a remark is logged as a warning.
	Check func(*goridge.Frame) (remark string, err error)
}

// warmUpError is a boot that failed when the worker was ready for requests.
type warmUpError struct{ err error }

func (e *warmUpError) Error() string { return "warming up: " + e.err.Error() }
func (e *warmUpError) Unwrap() error { return e.err }

// errWarmUpTimeout is a warm-up that takes longer than a boot may.
var errWarmUpTimeout = errors.New("it did not answer the warm-up request in time")

// warmUp sends the warm-up request and lets its check judge the answer.
// When ctx ends the process is killed. A worker that answers one request only gets none.
func (w *worker) warmUp(ctx context.Context) error {
	if w.pool.config.Warmup == nil || w.generation.traits.OneRequest {
		return nil
	}
	defer context.AfterFunc(ctx, w.child.Kill)()
	err := w.askWarmUp()
	switch {
	case err == nil:
		return nil
	case w.leaving.Err() != nil: // the pool needs it no more
		return errBootStopped
	case ctx.Err() != nil:
		err = fmt.Errorf("%w (%s)", errWarmUpTimeout, w.pool.config.BootTimeout)
	case errors.Is(err, io.EOF), errors.Is(err, io.ErrUnexpectedEOF), errors.As(err, new(*goridge.WriteError)):
		if w.endsSoon() { // which tells more than the broken relay
			exit, orderly := w.child.Exit()
			err = &launch.EndedError{Exit: exit, Orderly: orderly, Before: "it had answered the warm-up request"}
		}
	}
	return &warmUpError{err}
}

// endsSoon waits, not for long, until a process has ended whose relay is broken.
func (w *worker) endsSoon() bool {
	patience := time.NewTimer(time.Second)
	defer patience.Stop()
	select {
	case <-w.child.Done():
		return true
	case <-patience.C:
		return false
	}
}

// askWarmUp has the worker answer, and waits until it asks for its next request.
func (w *worker) askWarmUp() error {
	warmup := w.pool.config.Warmup
	// Other workers use the same request at the same time.
	if _, err := w.link.Send(slices.Clone(warmup.Request.Frame), nil, 0); err != nil {
		return fmt.Errorf("sending the request: %w", err)
	}
	var f goridge.Frame
	defer func() { f.Release() }()
	for first := true; first || f.More(); first = false {
		f.Release()
		if err := w.link.Answer(&f); err != nil {
			return fmt.Errorf("waiting for the answer: %w", err)
		}
		if f.IsError() {
			soft, err := softError(&f, int(w.pid.Load()))
			if err == nil {
				err = &SoftError{Text: launch.Shortened(soft.Text), PID: soft.PID}
			}
			return err
		}
		if first {
			remark, err := warmup.Check(&f)
			if err != nil {
				return err
			}
			if remark != "" {
				w.pool.Log().Warn("warming up: "+remark, zap.Int64("pid", w.pid.Load()))
			}
		}
		if _, err := io.Copy(io.Discard, &f); err != nil {
			return err
		}
	}
	w.link.Finish(false)
	err := w.link.CatchUp(0)
	if err == nil && w.link.AskedToStop() {
		err = link.ErrAskedToStop
	}
	if err != nil {
		return fmt.Errorf("waiting until the worker is done with the request: %w", err)
	}
	return nil
}
