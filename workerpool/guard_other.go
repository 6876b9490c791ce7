//go:build !unix

package workerpool

func guardAdd(int)    {}
func guardRemove(int) {}
