package exchange

import (
	"net/http"
	"time"

	"go.uber.org/zap"

	"github.com/phpworker/caddy-php-worker/workerpool/budget"
)

// Options are those of one site. Every field is needed unless it says otherwise. They are not
// changed while requests use them.
type Options struct {
	// MaxBody is the largest request body in bytes.
	MaxBody int64
	// BodyMemory is the largest request body in bytes that is kept in memory; a longer one is
	// spooled to a file.
	BodyMemory int64
	// RawBody hands every body to PHP as it came. Optional.
	RawBody bool
	// Uploads says where files go, and which. Optional but for the folder.
	Uploads Uploads
	// Forms are the limits of forms and queries. Zero values are the defaults.
	Forms FormLimits
	// Owner is who may read uploaded files. Default: this process.
	Owner *Owner
	// Codec is the encoding of requests that Read makes; their answers name their own. Not needed with CGI.
	Codec Codec
	// CGI says that the heads of answers are those of CGI, to the requests of ReadClassic.
	CGI bool
	// Software is the server's name and version, for ReadClassic.
	Software string
	// Buffer is the largest answer in bytes that goes to a file where memory is short.
	Buffer int64
	// Sendfile are the folders that answers may name files of. None: such headers
	// mean nothing.
	Sendfile []string
	// Memory is shared by all that use the pool.
	Memory *Memory
	// Observer is told of answers.
	Observer Observer
	// Logger gets warnings.
	Logger *zap.Logger
}

// Uploads says where and which files are stored: those of uploads, and bodies and answers
// that do not fit in memory.
type Uploads struct {
	// Dir must exist. Default: the system's temporary folder.
	Dir string
	// MaxFiles is the largest number of files in one request. Default: that of the form
	// limits.
	MaxFiles int
	// Allow, where not empty, lists the file name extensions that are stored.
	Allow []string
	// Forbid lists the extensions that are never stored. It wins over Allow.
	Forbid []string
}

// Owner is a user and a group of the system.
type Owner struct{ UID, GID int }

// ids are the owner that uploaded files must have so that the workers, and nobody
// else, can read them; -1 where that is this process's own.
func (o *Options) ids() (uid, gid int) {
	if o.Owner == nil {
		return -1, -1
	}
	return o.Owner.UID, o.Owner.GID
}

// Memory is what the requests of one pool share.
type Memory struct {
	Budget *budget.Budget
	// largeForms has room for the large forms that are parsed now.
	largeForms chan struct{}
}

// NewMemory returns what requests share that hold memory of b.
func NewMemory(b *budget.Budget) *Memory {
	return &Memory{Budget: b, largeForms: make(chan struct{}, max(1, min(maxLargeForms, b.Fixed()/largestForm)))}
}

// Observer is told of answers. Its methods are safe for concurrent use.
type Observer interface {
	// Status is called with the status of each answer that is passed on, when its head is
	// sent.
	Status(code int)
	// Stream is called when an answer begins to be passed on while its worker still makes or
	// sends it; end when the worker is free again.
	Stream() (end func())
	// Held is called when such an answer has been passed on, or has been given up. It held its
	// worker for so long, beginning with the request.
	Held(r *http.Request, held time.Duration)
	// BrokeOff is called when the worker's answer did not come to its end, elapsed after the
	// request came to the worker. The head may have been sent.
	BrokeOff(r *http.Request, pid int, elapsed time.Duration, err error)
}
