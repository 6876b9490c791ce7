package workerpool

import (
	"math"
	"reflect"
	"strings"
	"testing"
	"time"

	"github.com/phpworker/caddy-php-worker/workerpool/process"
)

func TestAConfigurationThatMakesNoSenseIsRefusedByTheNameOfItsOption(t *testing.T) {
	for name, c := range map[string]struct {
		change func(*Config)
		want   string
	}{
		"no command":      {func(c *Config) { c.Command = nil }, "no command"},
		"an empty one":    {func(c *Config) { c.Command = []string{""} }, "no command"},
		"workers":         {func(c *Config) { c.Min, c.Max = -1, 1 }, "workers must not be negative"},
		"idle":            {func(c *Config) { c.IdleTimeout = -1 }, "idle_timeout must not be negative"},
		"surge":           {func(c *Config) { c.MaxSurge = -1 }, "max_surge must not be negative"},
		"requests":        {func(c *Config) { c.MaxRequests = -1 }, "max_requests must not be negative"},
		"jitter":          {func(c *Config) { c.MaxRequestsJitter = -1 }, "max_requests jitter must not be negative"},
		"memory":          {func(c *Config) { c.MaxMemory = -1 }, "max_memory must not be negative"},
		"lifetime":        {func(c *Config) { c.MaxLifetime = -1 }, "max_lifetime must not be negative"},
		"queue":           {func(c *Config) { c.QueueSize = -1 }, "queue size must not be negative"},
		"queue timeout":   {func(c *Config) { c.QueueTimeout = -1 }, "queue timeout must not be negative"},
		"request":         {func(c *Config) { c.RequestTimeout = -1 }, "request_timeout must not be negative"},
		"silence":         {func(c *Config) { c.StreamIdleTimeout = -1 }, "stream_idle_timeout must not be negative"},
		"boot":            {func(c *Config) { c.BootTimeout = -1 }, "boot_timeout must not be negative"},
		"stop":            {func(c *Config) { c.StopTimeout = -1 }, "stop_timeout must not be negative"},
		"drain":           {func(c *Config) { c.DrainTimeout = -1 }, "drain_timeout must not be negative"},
		"buffer":          {func(c *Config) { c.MaxInMemory = -1 }, "buffer must not be negative"},
		"a large buffer":  {func(c *Config) { c.MaxInMemory = math.MaxUint32 + 1 }, "more than a frame can hold"},
		"too many":        {func(c *Config) { c.Max = MaxWorkers + 1 }, "more than the limit"},
		"an odd relay":    {func(c *Config) { c.Relay = "pigeon" }, "unknown relay \"pigeon\""},
		"an odd limit":    {func(c *Config) { c.Rlimits = []process.Rlimit{{Name: "patience"}} }, "unknown rlimit \"patience\""},
		"an odd pattern":  {func(c *Config) { c.Watch = []string{"*.{php"} }, "watch pattern"},
		"several at once": {func(c *Config) { c.DrainTimeout, c.MaxSurge, c.BootTimeout = -1, -1, -1 }, "max_surge must not be negative"},
	} {
		t.Run(name, func(t *testing.T) {
			config := Config{Command: []string{"php"}}
			c.change(&config)
			config.setDefaults()
			for range 20 { // and always with the same words
				if err := config.validate(); err == nil || !strings.Contains(err.Error(), c.want) {
					t.Fatalf("got %v; want %q", err, c.want)
				}
			}
		})
	}
}

// A number that is added to Config is not forgotten here.
func TestNoNumberOfAConfigurationMayBeNegative(t *testing.T) {
	fields := reflect.TypeFor[Config]()
	for i := range fields.NumField() {
		f := fields.Field(i)
		if !f.IsExported() || f.Type.Kind() != reflect.Int && f.Type.Kind() != reflect.Int64 {
			continue
		}
		c := Config{Command: []string{"php"}}
		reflect.ValueOf(&c).Elem().Field(i).SetInt(-1)
		c.setDefaults()
		if err := c.validate(); err == nil && f.Name != "Max" { // less than Min is Min
			t.Errorf("%s may be -1", f.Name)
		}
	}
}

func TestDefaultsFillWhatIsZeroAndNothingElse(t *testing.T) {
	c := Config{Command: []string{"php"}, Min: 3}
	c.setDefaults()
	if c.Max != 3 || c.QueueSize != DefaultQueueSize || c.BootTimeout != DefaultBootTimeout || c.Relay != RelayAuto {
		t.Errorf("got %+v", c)
	}
	c = Config{Command: []string{"php"}, Max: 5, QueueSize: 7, BootTimeout: time.Second, Relay: RelayUnix}
	c.setDefaults()
	if c.Min != 0 || c.Max != 5 || c.QueueSize != 7 || c.BootTimeout != time.Second || c.Relay != RelayUnix {
		t.Errorf("got %+v", c)
	}
	if err := c.validate(); err != nil {
		t.Error(err)
	}
}
