package integration
import "testing"
func overload(t *testing.T) line {return line{}}
func slowUploads(t *testing.T) line {return line{}}
func slowReaders(t *testing.T) line {return line{}}
func politeEndUnderLoad(t *testing.T) line {return line{}}
func abruptEndUnderLoad(t *testing.T) line {return line{}}
func fullDisk(t *testing.T) line {return line{}}
func noDescriptors(t *testing.T) line {return line{}}
func noProcesses(t *testing.T) line {return line{}}
