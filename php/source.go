// Package php holds the sources of the Composer package in this folder, for workers whose
// application has not installed it: those that loop over frankenphp_handle_request().
package php

import (
	"embed"
	"io/fs"
	"strings"
)

//go:embed src/*.php src/Superglobals/*.php
var sources embed.FS

// Namespace is that of [Bundle]'s classes.
const Namespace = "PhpWorkerServer"

// Bundle is one PHP file with the core of the package and its superglobals, in a namespace of its own: an
// application may have installed any version of the package besides.
func Bundle() string {
	var bundle strings.Builder
	bundle.WriteString("<?php\n\ndeclare(strict_types=1);\n")
	rename := strings.NewReplacer(`PhpWorker\`, Namespace+`\`, "namespace PhpWorker;", "namespace "+Namespace+";")
	err := fs.WalkDir(sources, ".", func(path string, d fs.DirEntry, err error) error {
		if err != nil || d.IsDir() {
			return err
		}
		text, err := fs.ReadFile(sources, path)
		if err != nil {
			return err
		}
		_, code, _ := strings.Cut(string(text), "namespace ")
		bundle.WriteString("\n" + rename.Replace("namespace "+code))
		return nil
	})
	if err != nil {
		panic(err) // the files are in the binary
	}
	return bundle.String()
}
