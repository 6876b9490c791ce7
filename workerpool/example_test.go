package workerpool_test

import (
	"context"
	"fmt"
	"os"

	"go.uber.org/zap"

	"github.com/phpworker/caddy-php-worker/goridge"
	"github.com/phpworker/caddy-php-worker/workerpool"
)

// A pool of two processes answers a request, is restarted without a pause, and ends.
func Example() {
	pool, err := workerpool.New(workerpool.Config{
		Name: "app",
		// Elsewhere {"php", "worker.php"}. Here the test binary is its own worker: it
		// does what the context says.
		Command: []string{os.Args[0]},
		Env:     map[string]string{"WORKERPOOL_TEST_ROLE": "worker", "GORACE": "atexit_sleep_ms=0"},
		Min:     2,
		Max:     2,
	}, zap.NewNop(), workerpool.Events{})
	if err != nil {
		panic(err)
	}
	ctx := context.Background()
	if err := pool.Start(ctx); err != nil {
		panic(err) // with what the script printed, and a hint
	}

	fmt.Println(ask(pool, "hello"))

	rollout, err := pool.Restart(workerpool.ReasonRestart)
	if err != nil {
		panic(err)
	}
	if err := rollout.Wait(ctx); err != nil {
		panic(err) // the old workers go on
	}
	fmt.Println(ask(pool, "hello again"))

	if err := pool.Close(ctx); err != nil {
		panic(err)
	}
	turn, err := pool.Exec(ctx, request("too late"))
	fmt.Println(turn, err)
	// Output:
	// hello
	// hello again
	// <nil> pool is closed
}

// request makes a request frame: context and body, whose meaning is the worker's affair.
func request(body string) *workerpool.Request {
	const context = "answer"
	frame := append(goridge.BeginRequest(nil), context+body...)
	goridge.FinishRequest(frame, 0, goridge.CodecJSON, len(context), len(body))
	return &workerpool.Request{Frame: frame, Repeatable: true}
}

// ask returns the body of the answer.
func ask(pool *workerpool.Pool, body string) string {
	turn, err := pool.Exec(context.Background(), request(body))
	if err != nil {
		panic(err)
	}
	defer turn.Close()
	return string(turn.Frame.Body())
}
