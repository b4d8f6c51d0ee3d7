package main

import (
	"embed"
	"strings"

	"github.com/spf13/cobra"

	"vodcurator/shared/localcloud"
	"vodcurator/shared/localcloud/fakevod"
)

//go:embed help/*.txt
var pages embed.FS

// helpTopics are the pages of `local help SERVICE`. What they list is asked of the
// services, so that a page tells no more than there is.
func helpTopics() (out []*cobra.Command) {
	for _, service := range []struct{ name, about string }{
		{"vod", "the API of VOD, uploads and plays"}, {"mns", "queues and topics"}, {"oss", "the object store"}, {"fc", "functions, triggers and /_local/"}, {"ram", "keys, roles and STS"},
	} {
		text, err := pages.ReadFile("help/" + service.name + ".txt")
		if err != nil {
			panic(err) // a page that is not there cannot be built in
		}
		page := strings.NewReplacer("{{operations}}", listed(fakevod.Operations()), "{{readings}}", listed(localcloud.Readings(service.name))).Replace(string(text))
		out = append(out, &cobra.Command{Use: service.name, Short: service.about, Long: strings.TrimSpace(page)})
	}
	return out
}

// listed is a list of names in lines of a page's width.
func listed(names []string) string {
	const width = 88
	var out strings.Builder
	at := width
	for _, name := range names {
		if at+1+len(name) > width {
			out.WriteString("\n   ")
			at = 3
		}
		out.WriteString(" " + name)
		at += 1 + len(name)
	}
	return strings.TrimPrefix(out.String(), "\n")
}
