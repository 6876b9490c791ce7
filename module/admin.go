package module

import (
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"strconv"
	"strings"
	"time"

	"github.com/caddyserver/caddy/v2"

	"github.com/phpworker/caddy-php-worker/workerpool"
)

func init() {
	caddy.RegisterModule(adminAPI{})
}

// adminAPI serves the pools on Caddy's admin endpoint:
//
//	GET    /php_worker/pools                        all pools, those that start included
//	GET    /php_worker/pools/<name>                 one pool
//	POST   /php_worker/pools/<name>/restart         rolling restart; ?wait=true waits until the new workers
//	                                                serve, ?wait=drained until the old ones have gone
//	POST   /php_worker/pools/<name>/scale           {"min": 2, "max": 8}
//	DELETE /php_worker/pools/<name>/workers/<pid>   replace one worker; ?force=true kills it
//	GET    /php_worker/health                       ready and live; 503 unless ready
//
// A pool's name is escaped as one path element. Numbers set by scale last until
// the pool's settings change.
type adminAPI struct{}

// CaddyModule returns the Caddy module information.
func (adminAPI) CaddyModule() caddy.ModuleInfo {
	return caddy.ModuleInfo{
		ID:  "admin.api.php_worker",
		New: func() caddy.Module { return new(adminAPI) },
	}
}

// Routes implements caddy.AdminRouter.
func (a adminAPI) Routes() []caddy.AdminRoute {
	return []caddy.AdminRoute{{Pattern: "/php_worker/", Handler: caddy.AdminHandlerFunc(a.serve)}}
}

// poolStatus is a pool as the API shows it.
type poolStatus struct {
	Name string `json:"name"`
	// Mode is worker or classic.
	Mode         string         `json:"mode"`
	Desired      int            `json:"desired"`
	Min          int            `json:"min"`
	Max          int            `json:"max"`
	Queue        int            `json:"queue"`
	Restarting   bool           `json:"restarting"`
	Restarts     map[string]int `json:"restarts"`
	BootFailures int64          `json:"boot_failures"`
	Rejected     map[string]int `json:"rejected"`
	// HeldBytes is what requests and answers hold in memory, MaxHeldBytes its bound.
	HeldBytes    int64          `json:"held_bytes"`
	MaxHeldBytes int64          `json:"max_held_bytes"`
	LastError    string         `json:"last_error,omitempty"`
	Workers      []workerStatus `json:"workers"`
}

type workerStatus struct {
	PID         int       `json:"pid"`
	State       string    `json:"state"`
	Started     time.Time `json:"started"`
	Requests    int64     `json:"requests"`
	MemoryBytes int64     `json:"memory_bytes"`
	BusyMS      float64   `json:"busy_ms,omitempty"`
	Due         string    `json:"due,omitempty"`
	// Generation is the number of restarts before it was started.
	Generation int `json:"generation"`
	// DrainsUntil is when a worker is ended at the latest that takes no new request.
	DrainsUntil time.Time `json:"drains_until,omitzero"`
}

func statusOf(p *pool) poolStatus {
	s := p.Stats()
	out := poolStatus{
		Name: p.name, Mode: ModeName(p.classic), Desired: s.Desired, Min: s.Min, Max: s.Max, Queue: s.Queue, Restarting: s.Restarting,
		Restarts: map[string]int{}, BootFailures: s.BootFailures, Workers: []workerStatus{},
		Rejected: map[string]int{
			string(workerpool.RejectedQueueFull):    int(s.QueueFull),
			string(workerpool.RejectedQueueTimeout): int(s.QueueTimeout),
			string(workerpool.RejectedUnavailable):  int(s.Unavailable),
			string(workerpool.RejectedMemory):       p.totals.rejections(workerpool.RejectedMemory),
		},
		HeldBytes: p.memory.Budget.Held(), MaxHeldBytes: p.memory.Budget.Limit(),
	}
	for reason, n := range s.Restarts {
		out.Restarts[string(reason)] = int(n)
	}
	if s.LastError != nil {
		out.LastError = s.LastError.Error()
	}
	for _, w := range s.Workers {
		out.Workers = append(out.Workers, statusOfWorker(w))
	}
	return out
}

func statusOfWorker(w workerpool.WorkerInfo) workerStatus {
	return workerStatus{
		PID: w.PID, State: w.State.String(), Started: w.Started, Requests: w.Served, MemoryBytes: w.Memory,
		BusyMS: milliseconds(w.Busy), Due: string(w.Due), Generation: w.Generation, DrainsUntil: w.DrainsUntil,
	}
}

func (a adminAPI) serve(w http.ResponseWriter, r *http.Request) error {
	rest := strings.Trim(strings.TrimPrefix(r.URL.EscapedPath(), "/php_worker/"), "/")
	elements := strings.Split(rest, "/")
	for i, e := range elements {
		unescaped, err := url.PathUnescape(e)
		if err != nil {
			return apiError(http.StatusBadRequest, err)
		}
		elements[i] = unescaped
	}
	switch {
	case rest == "health":
		return only(http.MethodGet, w, r, a.health)
	case rest == "pools":
		return only(http.MethodGet, w, r, a.list)
	case elements[0] != "pools" || len(elements) < 2:
		return apiError(http.StatusNotFound, fmt.Errorf("there is no /php_worker/%s", rest))
	}
	p := shared.find(elements[1])
	if p == nil {
		return apiError(http.StatusNotFound, fmt.Errorf("there is no pool %q; the pools are: %s", elements[1], strings.Join(shared.names(), ", ")))
	}
	switch {
	case len(elements) == 2:
		return only(http.MethodGet, w, r, func(w http.ResponseWriter, _ *http.Request) error {
			return reply(w, http.StatusOK, statusOf(p))
		})
	case len(elements) == 3 && elements[2] == "restart":
		return only(http.MethodPost, w, r, func(w http.ResponseWriter, r *http.Request) error {
			return shared.serveRestart(w, r, p.name)
		})
	case len(elements) == 3 && elements[2] == "scale":
		return only(http.MethodPost, w, r, p.serveScale)
	case len(elements) == 4 && elements[2] == "workers":
		return only(http.MethodDelete, w, r, func(w http.ResponseWriter, r *http.Request) error {
			return p.serveRetire(w, r, elements[3])
		})
	}
	return apiError(http.StatusNotFound, fmt.Errorf("there is no /php_worker/%s", rest))
}

func only(method string, w http.ResponseWriter, r *http.Request, f func(http.ResponseWriter, *http.Request) error) error {
	if r.Method != method {
		w.Header().Set("Allow", method)
		return apiError(http.StatusMethodNotAllowed, fmt.Errorf("method %s is not allowed here, only %s", r.Method, method))
	}
	return f(w, r)
}

func (adminAPI) list(w http.ResponseWriter, _ *http.Request) error {
	all := []poolStatus{}
	for _, p := range shared.known() {
		all = append(all, statusOf(p))
	}
	return reply(w, http.StatusOK, all)
}

// healthStatus is ready when every pool can take requests and Caddy is neither
// still starting nor on its way out, and live as long as it can say so. During a
// reload it tells of the pools that serve meanwhile, if there are any.
type healthStatus struct {
	Ready bool                  `json:"ready"`
	Live  bool                  `json:"live"`
	Pools map[string]poolHealth `json:"pools"`
}

type poolHealth struct {
	Ready  bool   `json:"ready"`
	Reason string `json:"reason,omitempty"`
}

func (adminAPI) health(w http.ResponseWriter, _ *http.Request) error {
	// Caddy's admin endpoint answers before any configuration has started.
	started := caddy.ActiveContext().Context != nil
	h := healthStatus{Ready: started && !caddy.Exiting(), Live: true, Pools: map[string]poolHealth{}}
	all := shared.published()
	if len(all) == 0 {
		for _, name := range shared.startingNames() {
			h.Pools[name] = poolHealth{Reason: "starting"}
			h.Ready = false
		}
	}
	for _, p := range all {
		reason := p.unreadiness()
		h.Pools[p.name] = poolHealth{Ready: reason == "", Reason: reason}
		h.Ready = h.Ready && reason == ""
	}
	status := http.StatusOK
	if !h.Ready {
		status = http.StatusServiceUnavailable
	}
	return reply(w, status, h)
}

// unreadiness says why the pool cannot take a request, "" if it can. A pool that
// starts on demand is ready without workers, unless they keep failing.
func (p *pool) unreadiness() string {
	s := p.Stats()
	serving := 0
	for _, w := range s.Workers {
		if w.State == workerpool.StateIdle || w.State == workerpool.StateBusy {
			serving++
		}
	}
	switch {
	case serving > 0:
		return ""
	case s.LastError != nil:
		return "workers cannot start" // the error's text may hold secrets; it is in the log
	case s.Min > 0:
		return "no worker is ready"
	}
	return ""
}

func (p *pool) serveScale(w http.ResponseWriter, r *http.Request) error {
	var size struct{ Min, Max *int }
	decoder := json.NewDecoder(http.MaxBytesReader(w, r.Body, 1<<10))
	decoder.DisallowUnknownFields()
	if err := decoder.Decode(&size); err != nil || size.Min == nil {
		return apiError(http.StatusBadRequest, errors.New(`the body must be {"min": <n>} or {"min": <n>, "max": <m>}`))
	}
	if size.Max == nil {
		size.Max = size.Min
	}
	if err := p.Scale(*size.Min, *size.Max); err != nil {
		return apiError(http.StatusBadRequest, err)
	}
	return reply(w, http.StatusOK, statusOf(p))
}

func (p *pool) serveRetire(w http.ResponseWriter, r *http.Request, element string) error {
	pid, err := strconv.Atoi(element)
	if err != nil {
		return apiError(http.StatusBadRequest, fmt.Errorf("%q is not a process id", element))
	}
	force, err := boolQuery(r, "force")
	if err != nil {
		return err
	}
	if err := p.Retire(pid, force); err != nil {
		return apiError(http.StatusNotFound, err)
	}
	return reply(w, http.StatusAccepted, map[string]string{"status": "stopping"})
}

func boolQuery(r *http.Request, name string) (bool, error) {
	query := r.URL.Query()
	if !query.Has(name) {
		return false, nil
	}
	value, err := strconv.ParseBool(query.Get(name))
	if err != nil {
		return false, apiError(http.StatusBadRequest, fmt.Errorf("%s must be true or false", name))
	}
	return value, nil
}

func reply(w http.ResponseWriter, status int, value any) error {
	w.Header().Set("Content-Type", "application/json")
	w.WriteHeader(status)
	return json.NewEncoder(w).Encode(value)
}

func apiError(status int, err error) error {
	return caddy.APIError{HTTPStatus: status, Err: err}
}

// Interface guards
var _ caddy.AdminRouter = (*adminAPI)(nil)
