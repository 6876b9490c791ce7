package module

import (
	"github.com/prometheus/client_golang/prometheus"

	"github.com/phpworker/caddy-php-worker/workerpool"
)

const (
	metricsNamespace = "caddy"
	metricsSubsystem = "php_worker"
)

// collector reads the app's pools when metrics are scraped. Each configuration
// has a registry of its own, so each app registers one; the totals are in the
// ledgers, which outlive both. It describes nothing beforehand, since its pools
// come and go.
type collector struct{ app *App }

func (collector) Describe(chan<- *prometheus.Desc) {}

func desc(name, help string, labels ...string) *prometheus.Desc {
	return prometheus.NewDesc(prometheus.BuildFQName(metricsNamespace, metricsSubsystem, name), help,
		append([]string{"pool"}, labels...), nil)
}

var (
	descWorkers    = desc("workers", "Worker processes by state.", "state")
	descWorkersMax = desc("workers_max", "Largest number of workers that the pool grows to.")
	descQueue      = desc("queue_depth", "Requests that wait for a worker.")
	descMemory     = desc("worker_memory_bytes", "Resident memory of all workers of the pool.")
	descStreams    = desc("streams", "Answers that are being streamed.")
	descRequests   = desc("requests_total", "Requests by class of their status.", "code_class")
	descRestarts   = desc("restarts_total", "Workers that ended, by reason.", "reason")
	descRejected   = desc("rejected_total", "Requests turned away without having seen a worker, by reason.", "reason")
)

var (
	states  = []workerpool.State{workerpool.StateBooting, workerpool.StateIdle, workerpool.StateBusy, workerpool.StateStopping}
	reasons = []workerpool.Reason{
		workerpool.ReasonMaxRequests, workerpool.ReasonMaxMemory, workerpool.ReasonMaxLifetime, workerpool.ReasonIdle,
		workerpool.ReasonCrash, workerpool.ReasonTimeout, workerpool.ReasonRestart, workerpool.ReasonWatch, workerpool.ReasonConfig,
	}
	rejections = []workerpool.Rejection{
		workerpool.RejectedQueueFull, workerpool.RejectedQueueTimeout, workerpool.RejectedUnavailable,
	}
	classes = [...]string{2: "2xx", 3: "3xx", 4: "4xx", 5: "5xx"}
)

// Collect implements prometheus.Collector.
func (c collector) Collect(ch chan<- prometheus.Metric) {
	for name, p := range c.app.byName {
		gauge := func(d *prometheus.Desc, value float64, labels ...string) {
			ch <- prometheus.MustNewConstMetric(d, prometheus.GaugeValue, value, append([]string{name}, labels...)...)
		}
		counter := func(d *prometheus.Desc, value float64, label string) {
			ch <- prometheus.MustNewConstMetric(d, prometheus.CounterValue, value, name, label)
		}
		s := p.Stats()
		byState := make(map[workerpool.State]int)
		memory := int64(0)
		for _, w := range s.Workers {
			byState[w.State]++
			memory += w.Memory
		}
		for _, state := range states {
			gauge(descWorkers, float64(byState[state]), state.String())
		}
		gauge(descWorkersMax, float64(s.Max))
		gauge(descQueue, float64(s.Queue))
		gauge(descMemory, float64(memory))
		gauge(descStreams, float64(p.ledger.streams.Load()))
		for i, class := range classes {
			if class != "" {
				counter(descRequests, float64(p.ledger.byClass[i].Load()), class)
			}
		}
		p.ledger.mu.Lock()
		for _, r := range reasons {
			counter(descRestarts, p.ledger.ended[r], string(r))
		}
		for _, r := range rejections {
			counter(descRejected, p.ledger.rejected[r], string(r))
		}
		p.ledger.mu.Unlock()
		p.ledger.request.Collect(ch)
		p.ledger.queue.Collect(ch)
		p.ledger.boot.Collect(ch)
	}
}
