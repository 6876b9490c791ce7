package static

import "bytes"

// beginningSize is how many bytes of a file are looked at, to tell what it is.
const beginningSize = 256

// beginsAsSource reports whether a file with this beginning is a PHP source, a script of
// any language, or a private key: nothing that a browser can use. "<?xml" and the like
// begin other files, too. In front of a key may be the parameters of its curve, as openssl
// writes them, or what it is the key of.
func beginsAsSource(beginning []byte) bool {
	marked := bytes.TrimPrefix(beginning, []byte("\xef\xbb\xbf"))
	if bytes.HasPrefix(marked, []byte("#!")) {
		return true
	}
	text := bytes.TrimLeft(marked, " \t\r\n\v\f\x00")
	if code, ok := bytes.CutPrefix(text, []byte("<?")); ok {
		return len(code) == 0 || !beginsName(code[0]) || len(code) >= 3 && bytes.EqualFold(code[:3], []byte("php"))
	}
	for line := range bytes.SplitSeq(text, []byte("\n")) {
		if bytes.HasPrefix(line, []byte("-----BEGIN ")) && bytes.Contains(line, []byte("PRIVATE KEY")) {
			return true
		}
	}
	return false
}

// beginsName reports whether what follows "<?" with this byte can be a processing
// instruction of XML, whose name follows at once. Anything else can only be code: "<?=", "<?/*".
func beginsName(c byte) bool {
	return 'a' <= c && c <= 'z' || 'A' <= c && c <= 'Z' || c == '_' || c == ':' || c >= 0x80
}
