package main

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"time"

	"github.com/aliyun/alibabacloud-oss-go-sdk-v2/oss"
	osscred "github.com/aliyun/alibabacloud-oss-go-sdk-v2/oss/credentials"
	"github.com/spf13/cobra"

	"vodcurator/shared/report"
	"vodcurator/shared/video"
	"vodcurator/shared/vod"
)

// library is the VOD client of somebody who has the whole account, at full rate.
func library(env map[string]string) (*vod.Client, error) {
	return vod.New(vod.Config{
		Region: env["ALIBABA_CLOUD_REGION"], Endpoint: env["VOD_ENDPOINT"], Share: 1, Credentials: credentials(env),
	})
}

func credentials(env map[string]string) func(context.Context) (id, secret, token string, err error) {
	return func(context.Context) (string, string, string, error) {
		return env["ALIBABA_CLOUD_ACCESS_KEY_ID"], env["ALIBABA_CLOUD_ACCESS_KEY_SECRET"], "", nil
	}
}

// upload puts a file into the library as a user's program does: it asks VOD for
// an address, then sends the file there with OSS's official client.
func upload(ctx context.Context, lib *vod.Client, region, file, title string) (video.ID, error) {
	name := filepath.Base(file)
	info, err := os.Stat(file)
	if err != nil {
		return "", err
	}
	ask := lib.CreateVideo
	switch strings.ToLower(filepath.Ext(name)) {
	case ".jpg", ".jpeg", ".png", ".gif":
		ask = lib.CreateImage
	}
	to, err := ask(ctx, vod.NewMedia{FileName: name, Title: title, Size: info.Size()})
	if err != nil {
		return "", err
	}
	client := oss.NewClient(oss.LoadDefaultConfig().WithRegion(region).WithEndpoint(to.Endpoint).WithUsePathStyle(true).
		WithCredentialsProvider(osscred.NewStaticCredentialsProvider(to.Key, to.Secret.Reveal(), to.Token.Reveal())))
	body, err := os.Open(file)
	if err != nil {
		return "", err
	}
	defer func() { _ = body.Close() }()
	_, err = client.PutObject(ctx, &oss.PutObjectRequest{Bucket: oss.Ptr(to.Bucket), Key: oss.Ptr(to.Object), Body: body})
	if err != nil {
		return "", fmt.Errorf("upload %s: %w", name, err)
	}
	return to.ID, nil
}

func uploadCommand(out io.Writer) *cobra.Command {
	var envFile, title string
	cmd := &cobra.Command{
		Use:   "upload FILE...",
		Short: "Put video, audio, JPEG, PNG or GIF files into the running local cloud; it says which it cannot read",
		Long: "Put video, audio, JPEG, PNG or GIF files into the running local cloud; it says which it cannot read.\n\n" +
			"A file FILE.ai.json beside FILE says what SubmitAIJob and SubmitAIMediaAuditJob find in it:\n" +
			`{"VideoTagResult":{"Keyword":[{"Tag":"boat","Times":["900"]}]},"MediaAuditResult":{"Suggestion":"pass","Label":"normal"}}`,
		Args: cobra.MinimumNArgs(1),
		RunE: func(cmd *cobra.Command, files []string) error {
			env, err := readEnv(envFile)
			if err != nil {
				return err
			}
			lib, err := library(env)
			if err != nil {
				return err
			}
			failed := 0
			for _, file := range files {
				if err := uploadOne(cmd.Context(), lib, env, file, title, out); err != nil {
					if cmd.Context().Err() != nil {
						return err
					}
					failed++
					_, _ = fmt.Fprintf(cmd.ErrOrStderr(), "local: %s: %v\n", file, err)
				}
			}
			if failed > 0 {
				return fmt.Errorf("%d of %s not taken; each is named above", failed, report.Count(len(files), "file"))
			}
			return nil
		},
	}
	cmd.Flags().StringVar(&envFile, "env-file", envDefault, "the variables of the running local cloud")
	cmd.Flags().StringVar(&title, "title", "", "title; default: the file's name")
	return cmd
}

// uploadOne puts one file in, with what lies beside it, and prints its id.
func uploadOne(ctx context.Context, lib *vod.Client, env map[string]string, file, title string, out io.Writer) error {
	if title == "" {
		title = strings.TrimSuffix(filepath.Base(file), filepath.Ext(file))
	}
	id, err := upload(ctx, lib, env["ALIBABA_CLOUD_REGION"], file, title)
	if err != nil {
		return err
	}
	_, _ = fmt.Fprintf(out, "%s  %s\n", id, file)
	return findings(ctx, env, id, file+".ai.json")
}

// findings sends what lies beside an uploaded file about what analysis finds in it.
func findings(ctx context.Context, env map[string]string, id video.ID, file string) error {
	body, err := os.ReadFile(file)
	if errors.Is(err, os.ErrNotExist) {
		return nil
	}
	if err != nil {
		return err
	}
	_, err = ask(ctx, env, http.MethodPost, "findings/"+string(id), bytes.NewReader(body), file)
	return err
}

// ask asks the running local cloud by its own API, below /_local/. What it refuses is an error
// that begins with failed and has its words.
func ask(ctx context.Context, env map[string]string, method, path string, body io.Reader, failed string) ([]byte, error) {
	request, err := http.NewRequestWithContext(ctx, method, env["FUNCTIONS_ENDPOINT"]+"/_local/"+path, body)
	if err != nil {
		return nil, err
	}
	answer, err := http.DefaultClient.Do(request)
	if err != nil {
		return nil, err
	}
	defer func() { _ = answer.Body.Close() }()
	text, err := io.ReadAll(io.LimitReader(answer.Body, 256<<20))
	switch {
	case answer.StatusCode != http.StatusOK:
		return nil, fmt.Errorf("%s: %s", failed, strings.TrimSpace(string(text)))
	case err != nil:
		return nil, err
	}
	return text, nil
}

func clockCommand(out io.Writer) *cobra.Command {
	var envFile string
	cmd := &cobra.Command{
		Use:   "clock DURATION",
		Short: "Move the running local cloud's library clock forward, for example 90d or 12h; timers that came due fire",
		Args:  cobra.ExactArgs(1),
		RunE: func(cmd *cobra.Command, args []string) error {
			d, err := days(args[0])
			if err != nil {
				return err
			}
			env, err := readEnv(envFile)
			if err != nil {
				return err
			}
			advance := strings.NewReader(fmt.Sprintf(`{"advance":%q}`, d))
			text, err := ask(cmd.Context(), env, http.MethodPost, "clock", advance, "the clock did not move")
			if err != nil {
				return err
			}
			var moved struct {
				Now   time.Time
				Fired []struct{ Function, Trigger string }
			}
			if err := json.Unmarshal(text, &moved); err != nil {
				return err
			}
			_, _ = fmt.Fprintf(out, "moved by %s, to %s\n", report.Duration(d), moved.Now.Format(time.DateTime))
			for _, f := range moved.Fired {
				_, _ = fmt.Fprintf(out, "fired %s/%s\n", f.Function, f.Trigger)
			}
			return nil
		},
	}
	cmd.Flags().StringVar(&envFile, "env-file", envDefault, "the variables of the running local cloud")
	return cmd
}

// days reads a duration that may also be in days.
func days(text string) (time.Duration, error) {
	if number, ok := strings.CutSuffix(text, "d"); ok {
		n, err := strconv.Atoi(number)
		if err == nil && n > 0 && n <= 36500 {
			return time.Duration(n) * 24 * time.Hour, nil
		}
	} else if d, err := time.ParseDuration(text); err == nil && d > 0 {
		return d, nil
	}
	return 0, fmt.Errorf("%q is not a duration such as 90d or 12h", text)
}
