package main

import (
	"fmt"
	"strings"
)

// split cuts s into words as a shell does where only spaces and quotes have a
// meaning.
func split(s string) ([]string, error) {
	var (
		words []string
		word  strings.Builder
		quote rune // the open one, or 0
		begun bool // a word has begun, be it by an empty pair of quotes
	)
	for _, c := range s {
		switch {
		case quote != 0 && c == quote:
			quote = 0
		case quote == 0 && (c == '"' || c == '\''):
			quote, begun = c, true
		case quote == 0 && strings.ContainsRune(" \t\n", c):
			if begun {
				words = append(words, word.String())
			}
			word.Reset()
			begun = false
		default:
			word.WriteRune(c)
			begun = true
		}
	}
	if quote != 0 {
		return nil, fmt.Errorf("build_flags has no closing %c: %s", quote, s)
	}
	if begun {
		words = append(words, word.String())
	}
	return words, nil
}

// quote writes a word so that a shell reads it back as it is.
func quote(word string) string {
	plain := func(c rune) bool {
		return c >= 'a' && c <= 'z' || c >= 'A' && c <= 'Z' || c >= '0' && c <= '9' || strings.ContainsRune("-_./=@:,+%", c)
	}
	if word != "" && strings.IndexFunc(word, func(c rune) bool { return !plain(c) }) < 0 {
		return word
	}
	return "'" + strings.ReplaceAll(word, "'", `'\''`) + "'"
}

// quoted quotes every word.
func quoted(words []string) []string {
	result := make([]string, len(words))
	for i, word := range words {
		result[i] = quote(word)
	}
	return result
}
