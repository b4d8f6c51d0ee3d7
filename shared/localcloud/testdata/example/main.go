// Command library uses the local cloud from another module, with the provider's client
// and nothing else: it starts one, makes a category and reads it back.
package main

import (
	"context"
	"fmt"
	"log"
	"strings"

	"github.com/aliyun/alibaba-cloud-sdk-go/services/vod"

	"vodcurator/shared/localcloud"
)

func main() {
	cloud, err := localcloud.Start(context.Background(), localcloud.Options{})
	if err != nil {
		log.Fatal(err)
	}
	defer cloud.Close()
	env := cloud.Env()
	client, err := vod.NewClientWithAccessKey("cn-shanghai", env["ALIBABA_CLOUD_ACCESS_KEY_ID"], env["ALIBABA_CLOUD_ACCESS_KEY_SECRET"])
	if err != nil {
		log.Fatal(err)
	}
	client.Domain = strings.TrimPrefix(env["VOD_ENDPOINT"], "http://")
	add := vod.CreateAddCategoryRequest()
	add.CateName = "Harbour"
	made, err := client.AddCategory(add)
	fmt.Println(made.Category.CateName, err)
}
