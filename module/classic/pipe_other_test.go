//go:build !unix

package classic

import "errors"

func makePipe(string) error { return errors.ErrUnsupported }
