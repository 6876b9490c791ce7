package module

import (
	"fmt"
	"maps"
	"strings"

	"github.com/phpworker/caddy-php-worker/module/classic"
	"github.com/phpworker/caddy-php-worker/module/exchange"
)

// FewBytes is the size in bytes below which a size as a person writes it needs a unit: 64 means megabytes.
const FewBytes = 10_000

// Check reports an error about a value that no pool can have, whatever machine it is for. It begins with the
// name of the option, so that a Caddyfile's parser can name the line. Values with placeholders are looked at only when
// the configuration is loaded.
func (c *PoolConfig) Check() error {
	plain := *c
	plain.Ini = maps.Clone(c.Ini)
	maps.DeleteFunc(plain.Ini, func(_, value string) bool { return strings.Contains(value, "{") })
	return plain.checkValues()
}

// checkValues is Check for values whose placeholders are replaced.
func (c *PoolConfig) checkValues() error {
	if c.Memory != 0 && c.Memory < minMemory {
		return fmt.Errorf("memory must be at least %d MB (%d bytes): a large form needs nearly as much while it is read", minMemory/1_000_000, int64(minMemory))
	}
	if err := checkIniSizes(c.Ini); err != nil {
		return err
	}
	if _, err := parseRlimits(c.Rlimits); err != nil || c.Classic() {
		return err
	}
	if c.Warmup != "" {
		if _, _, err := exchange.Warmup(c.Warmup, exchange.CodecNamed(defaultCodec)); err != nil {
			return err
		}
	}
	return checkIni(c.Ini)
}

// Check is PoolConfig.Check for what the handler has besides this pool, its own or a shared one.
func (h *Handler) Check(pool *PoolConfig) error {
	if _, err := h.preloadRoot(); err != nil {
		return err
	}
	if pool.Classic() {
		if _, err := classic.NewRouter(h.rules(pool.Split)); err != nil {
			return err
		}
	}
	return h.checkSize()
}

// checkSize refuses a max_body that nothing can carry.
func (h *Handler) checkSize() error {
	if h.MaxBody > largestBody {
		return fmt.Errorf("max_body must be at most %d bytes, which is what a frame of the protocol can carry", int64(largestBody))
	}
	return nil
}
