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
	parent := trace.SpanFromContext(ctx)
	if !parent.IsRecording() {
		return
	}
	now := time.Now()
	tracer := parent.TracerProvider().Tracer(tracerName)
	pool := attribute.String("php_worker.pool", h.pool.name)
	taken := now
	if t != nil {
		taken = begin.Add(t.Queued)
	}
	_, queue := tracer.Start(ctx, "php_worker.queue", trace.WithTimestamp(begin), trace.WithAttributes(pool))
	if t == nil {
		// The text may hold what PHP said, secrets included: it is in the log.
		queue.SetStatus(codes.Error, "no worker answered")
		queue.End(trace.WithTimestamp(now))
		return
	}
	queue.End(trace.WithTimestamp(taken))
	_, execute := tracer.Start(ctx, "php_worker.execute", trace.WithTimestamp(taken), trace.WithAttributes(pool,
		attribute.Int("php_worker.pid", t.PID), attribute.Int("php_worker.retries", t.Retries)))
	execute.End(trace.WithTimestamp(taken.Add(t.Executed)))
}
