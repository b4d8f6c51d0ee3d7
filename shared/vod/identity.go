package vod

import (
	"context"
	"errors"
	"fmt"

	"github.com/aliyun/alibaba-cloud-sdk-go/sdk/requests"
	"github.com/aliyun/alibaba-cloud-sdk-go/sdk/responses"

	"vodcurator/shared/video"
)

// Identity is whose keys signed a call.
type Identity struct {
	Account string // id of the account
	ARN     string // of the user, of the role with its session, or of the account itself
}

// WhoAmI asks STS whose keys these are (GetCallerIdentity), which needs no right. The
// endpoint is a base URL; empty is https://sts.aliyuncs.com.
func WhoAmI(ctx context.Context, endpoint string, keys Credentials) (Identity, error) {
	if endpoint == "" {
		endpoint = stsEndpoint
	}
	// The region is only a parameter here; STS is the same everywhere.
	c, err := New(Config{Region: "cn-hangzhou", Endpoint: endpoint, Credentials: keys})
	if err != nil {
		return Identity{}, err
	}
	defer c.Close()
	req := &requests.RpcRequest{}
	req.InitWithApiInfo("Sts", "2015-04-01", "GetCallerIdentity", "sts", "openAPI")
	type answer struct {
		*responses.BaseResponse
		Account string `json:"AccountId"`
		ARN     string `json:"Arn"`
	}
	a := &answer{BaseResponse: &responses.BaseResponse{}}
	if err := c.ask(ctx, req, a); err != nil {
		return Identity{}, err
	}
	if a.Account == "" || a.ARN == "" {
		return Identity{}, fmt.Errorf("GetCallerIdentity: %w: %w", video.ErrTransient, errors.New("the answer lacks AccountId or Arn"))
	}
	return Identity{a.Account, a.ARN}, nil
}
