package integration

import (
	"go/ast"
	"go/token"
	"io/fs"
	"net/url"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"testing"
	"unicode"
)

// verb is a place in a format string.
var verb = regexp.MustCompile(`%[-+#0-9.]*[a-zA-Z]`)

// texts are the strings of the code that is no test. What changes in them is "…".
func texts(t *testing.T) (all []string) {
	t.Helper()
	_, files := sources(t)
	for _, s := range files {
		if s.isTest() {
			continue
		}
		ast.Inspect(s.file, func(n ast.Node) bool {
			e, ok := n.(ast.Expr)
			if !ok {
				return true
			}
			text, ok := textOf(e)
			if ok {
				all = append(all, verb.ReplaceAllString(text, "…"))
			}
			return !ok // parts of a whole are not looked at again
		})
	}
	return all
}

// textOf is the value of a string, also of one in pieces.
func textOf(e ast.Expr) (string, bool) {
	switch e := e.(type) {
	case *ast.BasicLit:
		if e.Kind == token.STRING {
			text, err := strconv.Unquote(e.Value)
			return text, err == nil
		}
	case *ast.BinaryExpr:
		if e.Op != token.ADD {
			return "", false
		}
		left, isLeft := textOf(e.X)
		right, isRight := textOf(e.Y)
		switch {
		case isLeft && isRight:
			return left + right, true
		case isLeft:
			return left + "…", true
		case isRight:
			return "…" + right, true
		}
	}
	return "", false
}

// said reports whether one of the texts says the message. A "…" of the message
// stands for anything, nothing included.
func said(message string, texts []string) bool {
	pieces := strings.FieldsFunc(message, func(r rune) bool { return r == '…' })
	return slices.ContainsFunc(texts, func(text string) bool {
		for _, piece := range pieces {
			_, after, ok := strings.Cut(text, strings.TrimSpace(piece))
			if !ok {
				return false
			}
			text = after
		}
		return true
	})
}

// row is the first cell of a row of a table, codeSpan what is quoted in it.
var (
	row      = regexp.MustCompile(`(?m)^\| ([^|]*) \|`)
	codeSpan = regexp.MustCompile("`([^`]+)`")
)

func TestEveryMessageOfTheTroubleshootingPageIsOneOfOurs(t *testing.T) {
	t.Parallel()
	page, err := os.ReadFile("../docs/troubleshooting.md")
	if err != nil {
		t.Fatal(err)
	}
	all := texts(t)
	if said("the worker dances", all) || said("queue is … empty", all) || !said("two pools with different settings are named …", all) {
		t.Fatal("the test does not tell what is said from what is not")
	}
	quoted := 0
	for _, row := range row.FindAllStringSubmatch(string(page), -1) {
		for _, span := range codeSpan.FindAllStringSubmatch(row[1], -1) {
			quoted++
			if !said(span[1], all) {
				t.Errorf("no code says %q any more: mend docs/troubleshooting.md", span[1])
			}
		}
	}
	if quoted < 40 {
		t.Errorf("only %d messages were found", quoted)
	}
}

// link is a link of Markdown, heading a heading.
var (
	link    = regexp.MustCompile(`\]\(([^)\s]+)\)`)
	heading = regexp.MustCompile(`(?m)^#+ +(.*?) *$`)
	fence   = regexp.MustCompile("(?ms)^```.*?^```$")
)

// anchor is what GitHub makes of a heading.
func anchor(heading string) string {
	var b strings.Builder
	for _, r := range strings.ToLower(strings.ReplaceAll(heading, "`", "")) {
		switch {
		case r == ' ':
			b.WriteRune('-')
		case r == '-' || r == '_' || unicode.IsLetter(r) || unicode.IsDigit(r):
			b.WriteRune(r)
		}
	}
	return b.String()
}

// pages are the Markdown files of the repository, without their code blocks.
func pages(t *testing.T) map[string]string {
	t.Helper()
	all := make(map[string]string)
	err := filepath.WalkDir("..", func(file string, d fs.DirEntry, err error) error {
		switch {
		case err != nil:
			return err
		case d.IsDir() && file != ".." && (strings.HasPrefix(d.Name(), ".") || d.Name() == "vendor" || d.Name() == "testdata"):
			return filepath.SkipDir
		case d.IsDir() || filepath.Ext(file) != ".md":
			return nil
		}
		text, err := os.ReadFile(file)
		all[filepath.Clean(file)] = fence.ReplaceAllString(string(text), "")
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	return all
}

func TestNoLinkOfTheDocumentationLeadsNowhere(t *testing.T) {
	t.Parallel()
	all := pages(t)
	followed := 0
	for file, text := range all {
		for _, found := range link.FindAllStringSubmatch(text, -1) {
			to, err := url.Parse(found[1])
			if err != nil {
				t.Errorf("%s: %v", file, err)
				continue
			}
			if to.IsAbs() {
				continue
			}
			followed++
			target := file
			if to.Path != "" {
				target = filepath.Join(filepath.Dir(file), filepath.FromSlash(to.Path))
			}
			if _, err := os.Stat(target); err != nil {
				t.Errorf("%s leads to %s: %v", file, found[1], err)
				continue
			}
			if to.Fragment == "" || filepath.Ext(target) != ".md" {
				continue
			}
			headings := heading.FindAllStringSubmatch(all[target], -1)
			if !slices.ContainsFunc(headings, func(h []string) bool { return anchor(h[1]) == to.Fragment }) {
				t.Errorf("%s leads to %s, and there is no such heading", file, found[1])
			}
		}
	}
	if followed < 60 {
		t.Errorf("only %d links were followed", followed)
	}
}
