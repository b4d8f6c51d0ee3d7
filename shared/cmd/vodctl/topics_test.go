package main

import (
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"

	"github.com/spf13/cobra"
	"github.com/stretchr/testify/require"
)

// Every command that the README and the pages of help name is one, with the flags that
// they give it; so is every example. A page that is nowhere named is one that nobody finds.
func TestWhatReadmeAndHelpNameIsThere(t *testing.T) {
	a := &tool{}
	root := &cobra.Command{Use: "vodctl"}
	root.PersistentFlags().StringVarP((*string)(&a.format), "output", "o", "table", "")
	root.PersistentFlags().BoolVarP(&a.verbose, "verbose", "v", false, "")
	for _, group := range groups {
		root.AddCommand(group(a))
	}
	root.AddCommand(topics()...)
	pages, err := filepath.Glob("help/*.txt")
	require.NoError(t, err)
	texts := map[string]string{"examples": strings.Join(examples, " ; ")}
	for _, page := range append(pages, "../../../README.md") {
		raw, err := os.ReadFile(page)
		require.NoError(t, err)
		texts[page] = string(raw)
	}
	named := map[string]bool{}
	for page, text := range texts {
		for _, m := range command.FindAllStringSubmatch(strings.Join(strings.Fields(strings.ReplaceAll(text, "\n    ", " ; ")), " "), -1) {
			words := strings.Fields(strings.TrimRight(m[1], ".,:;"))
			if words[0] == "help" && len(words) > 1 {
				require.True(t, len(words) == 2, "%s: %s", page, m[0])
				named[words[1]] = true
				words = words[1:]
			}
			cmd, rest, err := root.Find(words)
			require.NoError(t, err, "%s: %s", page, m[0])
			require.False(t, cmd == root, "%s: %s", page, m[0])
			if cmd.HasSubCommands() && len(rest) > 0 {
				require.Failf(t, "no such command", "%s: %s", page, m[0])
			}
			for _, word := range rest {
				if name, ok := strings.CutPrefix(word, "--"); ok {
					name, _, _ = strings.Cut(name, "=")
					require.NotNil(t, cmd.Flags().Lookup(name), "%s: %s: --%s", page, m[0], name)
				}
			}
		}
	}
	for _, topic := range topics() {
		require.True(t, named[topic.Use], "nobody names vodctl help %s", topic.Use)
	}
}

// command is a command as it is written in prose (between ` or "), on a line of its own, or as an example.
var command = regexp.MustCompile("(?:[`\"]|(?:^| ; )|^)vodctl ([a-z][^`\"#;]*)")

func TestATopicIsShownAsItIsWritten(t *testing.T) {
	for _, topic := range topics() {
		require.NotEmpty(t, topic.Short)
		code, out, errs := vodctl(t, nil, "help", topic.Use)
		require.Zero(t, code, errs)
		require.Equal(t, strings.TrimSpace(topic.Long), strings.TrimSpace(out))
		if topic.Use == "variables" {
			continue // made from boot's list
		}
		for line := range strings.Lines(out) {
			require.LessOrEqual(t, len([]rune(line)), 110, line)
		}
	}
}
