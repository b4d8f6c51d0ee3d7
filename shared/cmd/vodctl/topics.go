package main

import (
	"embed"
	"fmt"
	"path"
	"strings"

	"github.com/spf13/cobra"

	"vodcurator/shared/boot"
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
	return append(out, variablesTopic(), alarmsTopic())
}

// variablesTopic is what vodctl help variables shows.
func variablesTopic() *cobra.Command {
	var b strings.Builder
	b.WriteString("Variables of the environment, for the functions and for vodctl.\n")
	for _, v := range boot.Variables() {
		fmt.Fprintf(&b, "\n%s (default: %s)\n    %s\n", v.Name, v.Shown(), v.Meaning)
		if len(v.For) > 0 {
			fmt.Fprintf(&b, "    needed by: %s\n", strings.Join(v.For, ", "))
		}
	}
	text := strings.TrimSpace(strings.ReplaceAll(b.String(), "`", ""))
	return &cobra.Command{Use: "variables", Short: "The variables of the environment", Long: text} // without Run it is a topic
}
