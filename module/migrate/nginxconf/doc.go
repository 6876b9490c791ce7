// Package nginxconf reads the configuration of nginx into a tree of directives, each with the file and the line
// it stands in. It knows the syntax and include, and nothing of what a directive means.
//
// [Parse] reads a text that has no includes. [Load] reads a file and what it includes. Both are bounded, whatever
// they are given: in depth, in bytes and in files.
package nginxconf
