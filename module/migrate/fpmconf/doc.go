// Package fpmconf reads the configuration of PHP-FPM: sections of settings, each with the file and the line it stands
// in, and the files that they include. It knows the syntax, and nothing of what a setting means.
package fpmconf
