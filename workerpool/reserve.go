package workerpool

// Reserve announces a request that is still on its way: until release is called, the
// pool counts it as in flight, so that Close lets it come and finish. It does not
// block, takes no worker, and does nothing for a pool that is closed already, or
// was never started. release is to be called once, when Exec has returned.
func (p *Pool) Reserve() (release func()) {
	p.reserve()
	return p.unreserve
}
