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
// has a registry of metrics of its own, so each app registers one; the totals
// outlive both. It describes nothing beforehand, since its pools
// come and go.
type collector struct{ app *App }

func (collector) Describe(chan<- *prometheus.Desc) {}

func desc(name, help string, labels ...string) *prometheus.Desc {
	return prometheus.NewDesc(prometheus.BuildFQName(metricsNamespace, metricsSubsystem, name), help,
		append([]string{"pool"}, labels...), nil)
}

var (
	descWorkers    = desc("workers", "Worker processes by state.", "state")
	descInfo       = desc("pool_info", "1, with the mode of the pool: worker or classic.", "mode")
	descWorkersMax = desc("workers_max", "Largest number of workers that the pool grows to.")
	descQueue      = desc("queue_depth", "Requests that wait for a worker.")
	descMemory     = desc("worker_memory_bytes", "Resident memory of all workers of the pool.")
	descHeld       = desc("held_bytes", "What requests and answers hold in memory.")
	descHeldMax    = desc("held_bytes_max", "The bound of held_bytes.")
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
		workerpool.RejectedMemory,
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
		gauge(descInfo, 1, ModeName(p.classic))
		gauge(descWorkersMax, float64(s.Max))
		gauge(descQueue, float64(s.Queue))
		gauge(descMemory, float64(memory))
		gauge(descHeld, float64(p.memory.Budget.Held()))
		gauge(descHeldMax, float64(p.memory.Budget.Limit()))
		gauge(descStreams, float64(p.totals.streams.Load()))
		for i, class := range classes {
			if class != "" {
				counter(descRequests, float64(p.totals.byClass[i].Load()), class)
			}
		}
		p.totals.mu.Lock()
		for _, r := range reasons {
			counter(descRestarts, p.totals.ended[r], string(r))
		}
		for _, r := range rejections {
			counter(descRejected, p.totals.rejected[r], string(r))
		}
		p.totals.mu.Unlock()
		p.totals.request.Collect(ch)
		p.totals.queue.Collect(ch)
		p.totals.boot.Collect(ch)
	}
}
