package module

import (
	"context"
	"time"

	"go.opentelemetry.io/otel/attribute"
	"go.opentelemetry.io/otel/codes"
	"go.opentelemetry.io/otel/trace"

	"github.com/phpworker/caddy-php-worker/workerpool"
)

// tracerName is the instrumentation scope of our spans.
const tracerName = "github.com/phpworker/caddy-php-worker"

// traceTurn adds two spans to the one that Caddy's tracing directive has opened:
// the wait for a worker, and the worker's time until its answer began. Both are
// made afterwards, from the times that were taken anyway, so a site without
// tracing pays nothing. PHP gets the traceparent header of the request's own
// span: what an application records are its children, too.
func (h *Handler) traceTurn(ctx context.Context, begin time.Time, t *workerpool.Turn) {
	if s := h.spans(ctx); s != nil {
		taken := begin.Add(t.Queued)
		s.span("php_worker.queue", begin, taken, "")
		s.span("php_worker.execute", taken, taken.Add(t.Executed), "",
			attribute.Int("php_worker.pid", t.PID), attribute.Int("php_worker.retries", t.Retries))
	}
}

// traceFailure does the same for a request that got no answer. It charges the
// worker that failed with the time it had, all of it where that is not known. What
// PHP said, secrets included, is in the log only.
func (h *Handler) traceFailure(ctx context.Context, begin, end time.Time, err error) {
	s := h.spans(ctx)
	if s == nil {
		return
	}
	b, ok := culpritOf(err)
	if !ok {
		s.span("php_worker.queue", begin, end, "no worker answered")
		return
	}
	taken := begin
	if b.after > 0 {
		taken = end.Add(-b.after)
	}
	s.span("php_worker.queue", begin, taken, "")
	s.span("php_worker.execute", taken, end, b.text, attribute.Int("php_worker.pid", b.pid))
}

// spans makes the children of a request's span.
type spans struct {
	ctx    context.Context
	tracer trace.Tracer
	pool   string
}

// spans returns nil where nobody traces the request.
func (h *Handler) spans(ctx context.Context) *spans {
	parent := trace.SpanFromContext(ctx)
	if !parent.IsRecording() {
		return nil
	}
	return &spans{ctx, parent.TracerProvider().Tracer(tracerName), h.pool.name}
}

// span records one that is over. failure is "" unless it failed.
func (s *spans) span(name string, begin, end time.Time, failure string, attributes ...attribute.KeyValue) {
	attributes = append(attributes, attribute.String("php_worker.pool", s.pool))
	_, span := s.tracer.Start(s.ctx, name, trace.WithTimestamp(begin), trace.WithAttributes(attributes...))
	if failure != "" {
		span.SetStatus(codes.Error, failure)
	}
	span.End(trace.WithTimestamp(end))
}
