"""The network and its training. Put yours in place of this one."""

import torch
import torch.nn.functional as F
from torch import nn


def new():
    return nn.Sequential(nn.Linear(64, 64), nn.ReLU(), nn.Linear(64, 10))


def train(images, labels, epochs: int, batch_size: int = 32):
    """A network trained on images (N, 64) and labels (N,)."""
    network = new()
    optimizer = torch.optim.Adam(network.parameters(), lr=0.003)
    for _ in range(epochs):
        for batch in torch.randperm(len(labels)).split(batch_size):
            loss = F.cross_entropy(network(images[batch]), labels[batch])
            optimizer.zero_grad()
            loss.backward()
            optimizer.step()
    return network.eval()


@torch.no_grad()
def accuracy(network, images, labels) -> float:
    return float((network(images).argmax(1) == labels).float().mean())
