// Package listener keeps new connections over a reload of Caddy.
//
// Caddy gives every configuration listeners of its own, which share the port by
// SO_REUSEPORT, and shuts the old HTTP servers down once the new ones run. Two
// kinds of connections are lost in between, whatever the sites are: those that wait
// in the queue of the listener that is closed, which the kernel resets, and those
// whose first request arrives when the shutdown has begun, which Go's server closes
// without an answer (golang/go#75591).
//
// The listener wrapper [Handover] gives both kinds to the listener that stays. What a
// server may have begun with is never given away, so no request is handled twice. It knows
// nothing of PHP, and works for any site of Caddy.
//
// What it must know of Caddy and of net/http that these do not promise stands in assumptions.go.
package listener
