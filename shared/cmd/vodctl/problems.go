package main

import "github.com/spf13/cobra"

func problemsCommand(a *tool) *cobra.Command {
	return &cobra.Command{Use: "problems"}
}
