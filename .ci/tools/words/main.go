// Command words holds what people read to the project's vocabulary: the README, the pages
// of help, and every text of more than one word in shipped Go code (errors, messages, help
// of commands). It names each place with the word to use instead, and fails where there is
// one, or where the README has more words than a reader has patience for.
//
//	go run -C .ci/tools ./words ../..
package main

import (
	"fmt"
	"go/ast"
	"go/parser"
	"go/token"
	"io/fs"
	"os"
	"path/filepath"
	"regexp"
	"strconv"
	"strings"
)

const readmeWords = 2500

// banned is a word that has another name here. Field names in quotes and keys of stored
// objects are no prose and are not looked at.
var banned = []struct {
	word *regexp.Regexp
	use  string
}{
	{regexp.MustCompile(`(?i)\b(a|one|each|every|of|no|the|this) media\b`), "asset"},
	{regexp.MustCompile(`(?i)\bmedias\b`), "assets"},
	{regexp.MustCompile(`(?i)\b(altered|damaged)\b|not as it was written`), "corrupt"},
	{regexp.MustCompile(`(?i)\bshelf\b|\bleaving soon\b`), "deletion mark, pending"},
	{regexp.MustCompile(`(?i)\btold\b`), "reported, marked, known"},
	{regexp.MustCompile(`(?i)\bletters?\b`), "dead letter, delivery"},
	{regexp.MustCompile(`(?i)\bstanding\b`), "survivors"},
	{regexp.MustCompile(`(?i)\blately\b`), "tonight, in the last 20 hours"},
}

// fine is English that holds a banned word in another sense.
var fine = regexp.MustCompile(`(?i)dead[- ]letters?|lower-?case letters?|capital letters?|letters?( and|,| or) |video\.Damaged|has been Damaged`)

func main() {
	root := os.Args[1]
	faults := 0
	fault := func(format string, args ...any) { faults++; fmt.Printf(format+"\n", args...) }
	check := func(place, text string) {
		text = fine.ReplaceAllString(text, "")
		for _, b := range banned {
			if found := b.word.FindString(text); found != "" {
				fault("%s: %q: say %s", place, found, b.use)
			}
		}
	}
	readme := read(filepath.Join(root, "README.md"))
	if n := len(strings.Fields(readme)); n > readmeWords {
		fault("README.md: %d words, at most %d", n, readmeWords)
	}
	lines(readme, func(n int, line string) { check(fmt.Sprintf("README.md:%d", n), line) })
	for _, room := range []string{"events", "functions", "shared"} {
		err := filepath.WalkDir(filepath.Join(root, room), func(file string, d fs.DirEntry, err error) error {
			name, _ := filepath.Rel(root, file)
			switch {
			case err != nil || d.IsDir() && d.Name() != "testdata":
				return err
			case d.IsDir():
				return fs.SkipDir
			case strings.HasSuffix(name, ".txt"):
				lines(read(file), func(n int, line string) { check(fmt.Sprintf("%s:%d", name, n), line) })
			case strings.HasSuffix(name, ".go") && !strings.HasSuffix(name, "_test.go"):
				prose(file, func(n int, text string) { check(fmt.Sprintf("%s:%d", name, n), text) })
			}
			return nil
		})
		if err != nil {
			fault("%v", err)
		}
	}
	if faults > 0 {
		fmt.Printf("%d words that have another name here\n", faults)
		os.Exit(1)
	}
}

func read(file string) string {
	raw, err := os.ReadFile(file)
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
	return string(raw)
}

func lines(text string, do func(n int, line string)) {
	n := 0
	for line := range strings.Lines(text) {
		n++
		do(n, line)
	}
}

// prose hands over every string of a Go file that has a blank in it; tags of fields and
// imports are none.
func prose(file string, do func(line int, text string)) {
	set := token.NewFileSet()
	tree, err := parser.ParseFile(set, file, nil, 0)
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
	ast.Inspect(tree, func(n ast.Node) bool {
		switch n := n.(type) {
		case *ast.Field:
			n.Tag = nil
		case *ast.BasicLit:
			if n.Kind != token.STRING {
				return true
			}
			if text, err := strconv.Unquote(n.Value); err == nil && strings.Contains(text, " ") {
				do(set.Position(n.Pos()).Line, text)
			}
		}
		return true
	})
}
