// Package process starts, signals and reaps one operating system process and the
// group that it leads, and ends what is left of them when this program ends in
// whatever way. It knows nothing of pools, relays or PHP's protocol.
package process
