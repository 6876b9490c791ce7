package launch

import (
	"github.com/phpworker/caddy-php-worker/goridge"
	"github.com/phpworker/caddy-php-worker/workerpool/process"
)

// Settings are what the workers of a pool are started with. The zero value of a field
// means its default.
type Settings struct {
	// Command is the program and its arguments, at least one. The program is looked up,
	// and symbolic links in it and in Dir are followed, at every start.
	Command []string
	// Dir is the working directory. Default: that of this process.
	Dir string
	// Env is added to the environment; it wins over everything.
	Env map[string]string
	// ClearEnv starts from an empty environment; PATH is kept.
	ClearEnv bool
	// Ini holds php.ini settings.
	Ini map[string]string
	// SuitIni returns further ones, which suit the PHP that is there, nil where that could not
	// be asked: before the first worker, and with each Renew. nil: there are none.
	SuitIni func(*PHP) map[string]string
	// Prepend runs in PHP before the script of a worker; nil: nothing does.
	Prepend *Prepend
	// IsPHP says that the program of Command is PHP, whatever its name.
	IsPHP bool
	// User runs the workers as another user; nil: as this one. Its environment begins as
	// with ClearEnv, since what ours holds may be secret, and with its own HOME, USER and LOGNAME.
	User *process.User
	// Rlimits are resource limits of the workers.
	Rlimits []process.Rlimit
	// Classic makes workers of a php-fpm or php-cgi; nil: the command is started for each worker.
	Classic *Classic
	// Relay is how frames travel where an Order does not say otherwise.
	Relay Relay
	// RelayEnvName are further environment variables, besides RR_RELAY, that
	// tell the worker its relay.
	RelayEnvName []string
	// MaxInMemory is the largest answer in bytes that is read at once.
	MaxInMemory int64
	// Budget bounds what answers hold in memory; nil: nothing does.
	Budget goridge.Budget
}
