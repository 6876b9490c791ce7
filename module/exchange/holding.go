package exchange

import "github.com/phpworker/caddy-php-worker/workerpool/budget"

// holding is what one request holds of the memory of its pool. It is for one goroutine.
type holding struct {
	budget *budget.Budget
	n      int64
}

// take asks for n bytes that can go to a file.
func (m *holding) take(n int64) bool { return m.count(n, m.budget.Take(n)) }

// takeFixed asks for n bytes that cannot.
func (m *holding) takeFixed(n int64) bool { return m.count(n, m.budget.TakeFixed(n)) }

// takeHead asks for n bytes of the request's head.
func (m *holding) takeHead(n int64) bool { return m.count(n, m.budget.TakeHead(n)) }

// takeAnswer asks for n bytes of the head of an answer. A small one is always to be had.
func (m *holding) takeAnswer(n int64) bool {
	if n > smallHead {
		return m.takeFixed(n)
	}
	m.budget.Book(n)
	return m.count(n, true)
}

func (m *holding) count(n int64, given bool) bool {
	if given {
		m.n += n
	}
	return given
}

// give gives n bytes back.
func (m *holding) give(n int64) {
	if n != 0 {
		m.n -= n
		m.budget.Book(-n)
	}
}

// giveAll gives everything back.
func (m *holding) giveAll() { m.give(m.n) }
