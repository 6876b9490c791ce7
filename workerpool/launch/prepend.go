package launch

import (
	"maps"
	"path/filepath"
	"slices"
	"strings"
)

// Prepend is a PHP script that runs before that of each worker, as PHP's auto_prepend_file. What
// a php.ini or the settings say of that is in the directive prependNext, for the script to go on with.
type Prepend struct {
	// Script is the PHP code, from "<?php" on.
	Script string
	// Files are more PHP code by the names of the files, which lie beside the script: it includes them.
	Files map[string]string
	// Replaces are functions of PHP that the script defines anew: they are disabled, besides
	// those that a php.ini or the settings disable.
	Replaces []string
}

// prependNext is what PHP's get_cfg_var() calls the auto_prepend_file that a Prepend has taken
// the place of.
const prependNext = "php_worker.auto_prepend_file"

// prependSince is the version of PHP that lets a script define what is disabled; an older one,
// where PHP could be asked, runs no Prepend.
const prependSince = 80000

// PrependName is the name of the file that the script is written to.
const PrependName = "prepend.php"

// files are those that the script consists of, in a fixed order.
func (p *Prepend) files() []file {
	files := []file{{PrependName, p.Script}}
	for _, name := range slices.Sorted(maps.Keys(p.Files)) {
		files = append(files, file{name, p.Files[name]})
	}
	return files
}

// ini are the lines that make PHP run the script in this folder, behind the settings; open is what those
// say of open_basedir.
func (p *Prepend) ini(dir, open string) string {
	file := escapeIni(filepath.Join(dir, PrependName))
	// ${name} is what has been said of a setting so far, by a php.ini or by the lines above.
	lines := prependNext + " = \"${auto_prepend_file}\"\n" +
		"auto_prepend_file = \"" + file + "\"\n" +
		"disable_functions = \"${disable_functions}," + strings.Join(p.Replaces, ",") + "\"\n"
	if open != "" {
		lines += "open_basedir = \"${open_basedir}" + string(filepath.ListSeparator) + escapeIni(dir) + "\"\n"
	}
	return lines
}
