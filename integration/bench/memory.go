package main

import (
	"context"
	"fmt"
	"strconv"
)

// processesOfPHP is how many there are when their memory is compared.
const processesOfPHP = 8

// phpMemory measures what PHP's processes take when nobody asks, and when everybody does.
func (e *environment) phpMemory(ctx context.Context, c contestant) ([][]string, error) {
	s, err := e.start(ctx, c, launch{app: applications[0], ini: sameINI, workers: processesOfPHP})
	if err != nil {
		return nil, err
	}
	defer s.stop()
	if err := settle(ctx); err != nil {
		return nil, err
	}
	idle, idleServer := s.memoryOfAll()
	m, err := e.closed(ctx, s, 64, e.plan.seconds)
	if err == nil && m.errors > 0 {
		err = fmt.Errorf("%d errors", m.errors)
	}
	if err != nil {
		return nil, err
	}
	busy, busyServer := s.memoryOfAll()
	return [][]string{{strconv.Itoa(processesOfPHP), mb(idle), mb(busy), mb(idleServer), mb(busyServer)}}, nil
}
