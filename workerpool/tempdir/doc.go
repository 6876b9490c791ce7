// Package tempdir keeps the temporary files of this process in folders that nobody
// else can change, and removes those that a killed process has left behind.
package tempdir
