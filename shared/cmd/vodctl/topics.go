package main

import (
	"embed"
	"path"
	"strings"

	"github.com/spf13/cobra"
)

//go:embed help/*.txt
var topicFiles embed.FS

// topics are pages of what an operator knows, shown by `vodctl help TOPIC`: each a file in
// help/, whose first line says what it is about.
func topics() (out []*cobra.Command) {
	files, err := topicFiles.ReadDir("help")
	if err != nil {
		panic(err) // the folder is part of the program
	}
	for _, f := range files {
		text, err := topicFiles.ReadFile(path.Join("help", f.Name()))
		if err != nil {
			panic(err)
		}
		title, _, _ := strings.Cut(string(text), "\n")
		out = append(out, &cobra.Command{Use: strings.TrimSuffix(f.Name(), ".txt"), Short: title, Long: string(text)})
	}
	return out
}
