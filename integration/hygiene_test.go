package integration

import (
	"fmt"
	"go/ast"
	"go/token"
	"iter"
	"os"
	"slices"
	"strings"
	"testing"
)

// A test that is ended (Fatal, FailNow, Skip) from another goroutine than its own
// goes on: these methods end the goroutine that calls them. So the function of a
// go statement, or of whatever else runs it elsewhere, must not call them, nor a
// helper that does.
func TestNoTestIsEndedFromAnotherGoroutine(t *testing.T) {
	t.Parallel()
	for text, want := range map[string]int{
		"func f(t *testing.T) { go func() { t.Fatal() }() }":                                                                                     1,
		"func f(t *testing.T) { go func() { if x { t.Skipf(``) } }() }":                                                                          1,
		"func f(t *testing.B) { b.RunParallel(func(*testing.PB) { t.FailNow() }) }":                                                              1,
		"func f(t *testing.T) { wg.Go(func() { helper(t) }) }\nfunc helper(t *testing.T) { deeper(t) }\nfunc deeper(t testing.TB) { t.Fatal() }": 1,
		"func f(t *testing.T) { go helper(t) }\nfunc helper(t *testing.T) { t.Fatal() }":                                                         1,
		"func f(t *testing.T) { time.AfterFunc(1, func() { s.method() }) }\nfunc (s s) method() { s.t.Fatal() }":                                 1,
		"func f(t *testing.T) { go func() { t.Error() }(); t.Fatal() }":                                                                          0,
		"func f(t *testing.T) { go func() { log.Fatal() }() }":                                                                                   0,
		"func f(t *testing.T) { go func() { helper(t) }() }\nfunc helper(t *testing.T) { t.Error() }":                                            0,
		"func f(t *testing.T) { go func() { t.Run(``, func(t *testing.T) { t.Fatal() }) }() }":                                                   0,
		"func f(t *testing.T) { synctest.Test(t, func(t *testing.T) { t.Fatal() }) }":                                                            0,
	} {
		if found := endings([]*ast.File{parse(t, "package p\nimport \"testing\"\n"+text)}); len(found) != want {
			t.Fatalf("%d endings were found, not %d, in:\n%s", len(found), want, text)
		}
	}
	set, all := sources(t)
	rooms := make(map[string][]*ast.File)
	for _, s := range all {
		if s.isTest() {
			rooms[s.room+" "+s.file.Name.Name] = append(rooms[s.room+" "+s.file.Name.Name], s.file)
		}
	}
	for _, files := range rooms {
		for _, pos := range endings(files) {
			t.Errorf("%s: the test is ended from another goroutine: report with Error, or hand the error over", set.Position(pos))
		}
	}
}

// ends are the methods of a test that end the goroutine they are called in.
var ends = []string{"Fatal", "Fatalf", "FailNow", "Skip", "Skipf", "SkipNow"}

// elsewhere are the functions that run another one in a goroutine of its own.
var elsewhere = []string{"Go", "AfterFunc", "RunParallel"}

// endings are the places in the files of a package where a test is ended from
// another goroutine.
func endings(files []*ast.File) (found []token.Pos) {
	declared := make(map[string]int) // functions and methods of that name
	for f := range functions(files) {
		declared[f.Name.Name]++
	}
	enders := make(map[string]bool) // those that may end the test, if it is clear whose name it is
	for more := true; more; {
		more = false
		for f := range functions(files) {
			name := f.Name.Name
			if declared[name] == 1 && !enders[name] && len(endingsIn(f.Body, enders)) > 0 {
				enders[name], more = true, true
			}
		}
	}
	for _, file := range files {
		ast.Inspect(file, func(n ast.Node) bool {
			switch n := n.(type) {
			case *ast.GoStmt:
				if f, ok := n.Call.Fun.(*ast.FuncLit); ok {
					found = append(found, endingsIn(f.Body, enders)...)
				} else if endsTest(n.Call, enders) {
					found = append(found, n.Pos())
				}
			case *ast.CallExpr:
				called, ok := n.Fun.(*ast.SelectorExpr)
				if !ok || !slices.Contains(elsewhere, called.Sel.Name) {
					break
				}
				for _, argument := range n.Args {
					if f, ok := argument.(*ast.FuncLit); ok {
						found = append(found, endingsIn(f.Body, enders)...)
					}
				}
			}
			return true
		})
	}
	slices.Sort(found)
	return slices.Compact(found)
}

// functions are all functions and methods that have a body.
func functions(files []*ast.File) iter.Seq[*ast.FuncDecl] {
	return func(yield func(*ast.FuncDecl) bool) {
		for _, file := range files {
			for _, d := range file.Decls {
				if f, ok := d.(*ast.FuncDecl); ok && f.Body != nil && !yield(f) {
					return
				}
			}
		}
	}
}

// endingsIn are the calls, in the code that is run right there, of what ends a test.
func endingsIn(code ast.Node, enders map[string]bool) (found []token.Pos) {
	ast.Inspect(code, func(n ast.Node) bool {
		switch n := n.(type) {
		case *ast.FuncLit, *ast.GoStmt: // run some other time, by somebody else
			return false
		case *ast.CallExpr:
			if endsTest(n, enders) {
				found = append(found, n.Pos())
			}
		}
		return true
	})
	return found
}

// isTest says whether the expression is a test, by the names that tests have here.
func isTest(e ast.Expr) bool {
	switch e := e.(type) {
	case *ast.Ident:
		return slices.Contains([]string{"t", "b", "tb"}, e.Name)
	case *ast.SelectorExpr:
		return e.Sel.Name == "t"
	}
	return false
}

// endsTest says whether the call ends a test: by a method of the test, by a helper
// that is given the test, or by a method that has it.
func endsTest(call *ast.CallExpr, enders map[string]bool) bool {
	switch called := call.Fun.(type) {
	case *ast.Ident:
		return enders[called.Name] && slices.ContainsFunc(call.Args, isTest)
	case *ast.SelectorExpr:
		if slices.Contains(ends, called.Sel.Name) {
			return isTest(called.X)
		}
		x, ok := called.X.(*ast.Ident)
		return enders[called.Sel.Name] && !(ok && slices.Contains(packagesOfTests, x.Name))
	}
	return false
}

// packagesOfTests are packages whose functions have names of methods of ours.
var packagesOfTests = []string{"syscall", "unix", "http", "os", "io", "net", "exec", "json", "strings", "bytes", "fmt"}

func TestNobodyWaitsInABusyLoop(t *testing.T) {
	t.Parallel()
	for text, want := range map[string]int{
		"func f() { for !done() { runtime.Gosched() } }":                 1,
		"func f() { for ; !done(); runtime.Gosched() { if x { y() } } }": 1,
		"func f() { for !done.Load() {} }":                               1,
		"func f() { for { select { case <-c: return; default: } } }":     1,
		"func f() { for range c {} }":                                    0,
		"func f() { for { select { case <-c: return; case <-tick: } } }": 0,
		"func f() { for b.Loop() {} }":                                   0,
		"func f() { for _, err := f(); err == nil; _, err = read() {} }": 0,
	} {
		if found := busyLoops(parse(t, "package p\n"+text)); len(found) != want {
			t.Fatalf("%d busy loops were found, not %d, in:\n%s", len(found), want, text)
		}
	}
	set, all := sources(t)
	for _, s := range all {
		for _, pos := range busyLoops(s.file) {
			t.Errorf("%s: a busy loop takes the processor from what it waits for", fmt.Sprintf("%s:%d", s.name, set.Position(pos).Line))
		}
	}
}

// busyLoops are the loops that do nothing but ask again: those that give way to
// others (Gosched), that are empty, and that have nothing but a select that never
// waits.
func busyLoops(file *ast.File) (found []token.Pos) {
	ast.Inspect(file, func(n ast.Node) bool {
		loop, ok := n.(*ast.ForStmt)
		if !ok {
			return true
		}
		idle := len(loop.Body.List) == 0 && loop.Post == nil && !isCall(loop.Cond, "Loop", "Next", "Scan")
		gives := false
		ast.Inspect(loop, func(n ast.Node) bool {
			if _, inner := n.(*ast.ForStmt); inner && n != ast.Node(loop) {
				return false
			}
			if call, ok := n.(ast.Expr); ok && isCall(call, "Gosched") {
				gives = true
			}
			return true
		})
		if len(loop.Body.List) == 1 && loop.Post == nil {
			if s, ok := loop.Body.List[0].(*ast.SelectStmt); ok {
				for _, clause := range s.Body.List {
					if c := clause.(*ast.CommClause); c.Comm == nil && len(c.Body) == 0 {
						idle = true
					}
				}
			}
		}
		if idle || gives {
			found = append(found, loop.Pos())
		}
		return true
	})
	return found
}

// isCall says whether the expression calls a method of one of these names.
func isCall(e ast.Expr, names ...string) bool {
	call, ok := e.(*ast.CallExpr)
	if !ok {
		return false
	}
	called, ok := call.Fun.(*ast.SelectorExpr)
	return ok && slices.Contains(names, called.Sel.Name)
}

// What starts no goroutine is tested without the race detector.
func TestRoomsWithoutTheRaceDetectorStartNoGoroutine(t *testing.T) {
	t.Parallel()
	makefile, err := os.ReadFile("../Makefile")
	if err != nil {
		t.Fatal(err)
	}
	_, list, _ := strings.Cut(string(makefile), "\nROOMS_WITHOUT_GOROUTINES := ")
	list, _, _ = strings.Cut(list, "\n")
	seen := make(map[string]bool)
	set, all := sources(t)
	for _, s := range all {
		for _, room := range strings.Fields(list) {
			if s.room != strings.TrimPrefix(room, "./") {
				continue
			}
			seen[room] = true
			ast.Inspect(s.file, func(n ast.Node) bool {
				_, starts := n.(*ast.GoStmt)
				if call, ok := n.(*ast.CallExpr); ok {
					f, ok := call.Fun.(*ast.SelectorExpr)
					starts = ok && (f.Sel.Name == "Parallel" || slices.Contains(elsewhere, f.Sel.Name))
				}
				if starts {
					t.Errorf("%s: a goroutine is started: %s wants the race detector, take it off ROOMS_WITHOUT_GOROUTINES", set.Position(n.Pos()), s.room)
				}
				return true
			})
		}
	}
	if len(seen) < 2 {
		t.Errorf("only these rooms were looked at: %v", seen)
	}
}
