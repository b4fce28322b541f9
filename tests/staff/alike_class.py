"""A class for homework 1 in which everybody writes alone, and copies of its members in disguise; both from a seed.

Honest work is drawn: each question has several ways, each way several spellings of each line, the first of them the
most popular. So any two students share some lines, as in a real class, and nobody shares all of them but by copying.
"""

import random
import re

NAMES = {
    "@p": "powers e exps num exp_scores z ex".split(),
    "@m": "top m biggest mx row_max highest".split(),
    "@g": "g grad dscores delta ds dz2 grad_scores".split(),
    "@h": "before dh back dhidden dz1 grad_h hidden_grad".split(),
    "@t": "total total_loss loss_sum running s acc".split(),
    "@l": "losses history epoch_losses out all_losses result".split(),
    "@i": "i k n j idx".split(),
    "@b": "batch idx chosen ids picked sel".split(),
    "@n": "n count size num_pictures N B".split(),
    "@s": "log_sum lse normaliser logz".split(),
    "@o": "order perm shuffled index p".split(),
}
# "<<a||b||c>>": one of them, the first the most popular
QUESTIONS = {
    "softmax": [
        """    @m = scores.<<max(dim=1, keepdim=True).values||max(1, keepdim=True)[0]||amax(1, keepdim=True)||amax(dim=-1, keepdim=True)>>
    @p = <<torch.exp(scores - @m)||(scores - @m).exp()>>
    return @p / @p.sum(<<dim=1||1||-1||dim=-1>>, keepdim=True)""",
        """    shifted = scores - scores.<<max(1).values||max(dim=1)[0]||amax(1)>><<[:, None]||.unsqueeze(1)||.view(-1, 1)||.reshape(-1, 1)>>
    @p = <<torch.exp(shifted)||shifted.exp()>>
    @n = @p.sum(<<1||dim=1||axis=1>>)<<[:, None]||.unsqueeze(1)||.view(-1, 1)>>
    <<return @p / @n||result = @p / @n
    return result||return torch.div(@p, @n)>>""",
        """    rows = []
    for <<row in scores||@i in range(len(scores))||@i in range(scores.shape[0])>>:
        r = <<row||scores[@i]>>
        @p = torch.exp(r - <<r.max()||max(r)||torch.max(r)>>)
        rows.append(@p / <<@p.sum()||sum(@p)||torch.sum(@p)>>)
    return torch.stack(rows<<||, dim=0||, 0>>)""",
        """    with torch.no_grad():
        @m, _ = torch.max(scores, <<dim=1||1>>, keepdim=True)
        @p = torch.exp(scores <<- @m||.sub(@m)>>)
        denominator = torch.sum(@p, <<dim=1||1>>, keepdim=True)
        probabilities = <<@p / denominator||torch.true_divide(@p, denominator)>>
    return probabilities""",
    ],
    "cross_entropy": [
        """    @m = scores.<<max(dim=1, keepdim=True).values||max(1, keepdim=True)[0]||amax(1, keepdim=True)>>
    @s = <<torch.log(torch.exp(scores - @m).sum(1, keepdim=True))||(scores - @m).exp().sum(1, keepdim=True).log()||torch.log(torch.sum(torch.exp(scores - @m), dim=1, keepdim=True))>> + @m
    right = <<scores.gather(1, labels.view(-1, 1))||scores.gather(1, labels[:, None])||torch.gather(scores, 1, labels.unsqueeze(1))>>
    return <<(@s - right).mean()||torch.mean(@s - right)||(@s - right).sum() / len(labels)>>""",
        """    @n = <<len(labels)||scores.shape[0]||scores.size(0)>>
    @m = scores.<<max(1).values||max(dim=1)[0]||amax(dim=1)>>
    shifted = scores - @m<<[:, None]||.unsqueeze(1)||.view(-1, 1)>>
    @s = <<torch.log(torch.exp(shifted).sum(1))||shifted.exp().sum(dim=1).log()>> + @m
    correct = scores[<<torch.arange(@n)||range(@n)||torch.arange(0, @n)>>, labels]
    <<return torch.mean(@s - correct)||loss = @s - correct
    return loss.mean()||return (@s - correct).sum() / @n>>""",
        """    @t = 0<<.0||>>
    for @i in range(len(<<labels||scores>>)):
        @m = scores[@i].max()
        @s = torch.log(torch.sum(torch.exp(scores[@i] - @m))) + @m
        @t <<+= @s - scores[@i, labels[@i]] + 0.0||= @t + @s - scores[@i, labels[@i]]||+= (@s - scores[@i, labels[@i]]).item()>>
    return @t / <<len(labels)||scores.shape[0]>>""",
    ],
    "backward": [
        """    @n = <<x.shape[0]||len(labels)||x.size(0)>>
    @g = probabilities.clone()
    @g[<<torch.arange(@n)||range(@n)>>, labels] -= 1
    @g <</= @n||= @g / @n>>
    gw2 = hidden.<<T||t()||transpose(0, 1)>> @ @g
    gb2 = @g.sum(<<0||dim=0||axis=0>>)
    @h = @g @ w2.<<T||t()||transpose(0, 1)>>
    @h<<[hidden <= 0] = 0|| = @h * (hidden > 0)|| = @h * (hidden > 0).float()||[hidden == 0] = 0>>
    gw1 = x.<<T||t()||transpose(0, 1)>> @ @h
    gb1 = @h.sum(<<0||dim=0||axis=0>>)
    return [gw1, gb1, gw2, gb2]""",
        """    one_hot = <<torch.zeros_like(probabilities)||torch.zeros(probabilities.shape)>>
    one_hot<<[torch.arange(len(labels)), labels] = 1||.scatter_(1, labels[:, None], 1)||[range(len(labels)), labels] = 1.0>>
    @g = (probabilities - one_hot) / <<len(labels)||labels.shape[0]||len(x)>>
    mask = <<(hidden > 0).float()||hidden > 0||(hidden > 0).to(x.dtype)>>
    @h = <<(@g @ w2.T)||torch.matmul(@g, w2.T)||torch.mm(@g, w2.t())>> * mask
    return [<<x.T @ @h||torch.matmul(x.T, @h)>>, @h.sum(<<0||dim=0>>), <<hidden.T @ @g||torch.matmul(hidden.T, @g)>>, @g.sum(<<0||dim=0>>)]""",
        """    one_hot = <<F||torch.nn.functional>>.one_hot(labels, <<probabilities.shape[1]||num_classes=probabilities.shape[1]||w2.shape[1]>>)
    @g = <<(probabilities - one_hot) / len(labels)||(probabilities - one_hot.float()) / x.shape[0]||(probabilities - one_hot) / x.shape[0]>>
    w2_gradient, b2_gradient = hidden.T @ @g, <<@g.sum(0)||torch.sum(@g, dim=0)||@g.sum(dim=0)>>
    @h = <<torch.where(hidden > 0, @g @ w2.T, torch.zeros_like(hidden))||(@g @ w2.T) * torch.sign(hidden)||@g.mm(w2.T) * hidden.gt(0)>>
    w1_gradient, b1_gradient = <<x.T @ @h||x.t() @ @h||x.T.mm(@h)>>, <<@h.sum(0)||torch.sum(@h, dim=0)||@h.sum(dim=0)>>
    return [w1_gradient, b1_gradient, w2_gradient, b2_gradient]""",
    ],
    "step": [
        """    for p, q in zip(parameters, gradients):
        <<p -= rate * q||p.sub_(rate * q)||p.add_(q, alpha=-rate)>>""",
        """    for @i in range(len(parameters)):
        <<parameters[@i] -= rate * gradients[@i]||parameters[@i] = parameters[@i] - rate * gradients[@i]>>""",
        """    parameters[:] = [p - rate * q for p, q in zip(parameters, gradients)]""",
    ],
    "train": [
        """    @l = []
    @n = <<len(x)||x.shape[0]||x.size(0)>>
    for <<epoch||_||e>> in range(epochs):
        @o = torch.randperm(@n)
        @t = 0<<.0||>>
        for @i in range(0, @n, batch_size):
            @b = @o[@i:<<@i + batch_size||min(@i + batch_size, @n)>>]
            <<loss = learn(x[@b], labels[@b])
            @t += loss * len(@b)||@t += learn(x[@b], labels[@b]) * len(@b)||xb, yb = x[@b], labels[@b]
            @t += learn(xb, yb) * len(xb)||xb = x[@b]
            yb = labels[@b]
            @t += learn(xb, yb) * xb.shape[0]>>
        @l.append(<<@t / @n||float(@t / @n)||@t / len(x)>>)
    return @l""",
        """    @l = []
    for <<_||epoch>> in range(epochs):
        @o = torch.randperm(<<len(x)||x.shape[0]||len(labels)>>)
        @t<<, seen = 0.0, 0|| = 0
        seen = 0||, seen = 0, 0>>
        for @b in <<@o.split(batch_size)||torch.split(@o, batch_size)>>:
            <<loss = learn(x[@b], labels[@b])||loss = float(learn(x[@b], labels[@b]))>>
            @t += loss * <<len(@b)||@b.numel()||@b.shape[0]>>
            seen += <<len(@b)||@b.numel()||@b.shape[0]>>
        @l.append(@t / seen)
    return @l""",
        """    @l = []
    for epoch in range(epochs):
        @o = <<torch.randperm(len(x))||torch.randperm(x.shape[0])>>
        <<xs, ys = x[@o], labels[@o]||xs = x[@o]
        ys = labels[@o]>>
        parts = []
        start = 0
        while start < len(x):
            <<end = start + batch_size||end = min(start + batch_size, len(x))>>
            parts.append(learn(xs[start:end], ys[start:end]) * <<len(xs[start:end])||(min(end, len(x)) - start)||ys[start:end].shape[0]>>)
            start <<+= batch_size||= end>>
        @l.append(sum(parts) / len(x))
    return @l""",
    ],
}
HEADS = {
    "softmax": "def softmax(scores):", "cross_entropy": "def cross_entropy(scores, labels):",
    "backward": "def backward(x, hidden, probabilities, labels, w2):", "step": "def step(parameters, gradients, rate):",
    "train": "def train(learn, x, labels, epochs, batch_size):",
}  # fmt: skip


def popular(draw: random.Random, ways: list) -> object:
    """One of `ways`: each half as popular as the one before."""
    return draw.choices(ways, [0.5**i for i in range(len(ways))])[0]


def honest(draw: random.Random) -> dict[str, str]:
    """Question -> a student's own code."""
    answers = {}
    for question, ways in QUESTIONS.items():
        text = popular(draw, ways)
        while found := re.search(r"<<((?:(?!<<|>>).)*)>>", text, re.DOTALL):  # the innermost
            text = text[: found.start()] + popular(draw, found[1].split("||")) + text[found.end() :]
        for mark, names in NAMES.items():
            text = re.sub(mark + r"\b", draw.choice(names), text)
        answers[question] = f"{HEADS[question]}\n{text}"
    return answers


def disguised(answers: dict[str, str], draw: random.Random, again: int = 1) -> dict[str, str]:
    """A copy: other names, comments and spaces, other constants' spelling; `again` questions are written anew."""
    fresh = honest(draw)
    anew = draw.sample(sorted(answers), again)
    made = {}
    for question, text in answers.items():
        if question in anew:
            made[question] = fresh[question]
            continue
        for name in sorted(
            set(re.findall(r"(?<![\w.])[a-z_]\w*", text)) & {n for names in NAMES.values() for n in names}
        ):
            text = re.sub(rf"(?<![\w.]){name}\b", f"{name}_{draw.randrange(100)}", text)
        lines = text.split("\n")
        for at in range(len(lines) - 1, 0, -1):
            if draw.random() < 0.3:
                lines[at] += "  # " + draw.choice(["works", "see the slides", "checked twice", "why?"])
            if draw.random() < 0.2:
                lines.insert(at, "")
        made[question] = "\n".join([lines[0], '    """In my own words."""', *lines[1:]])
    return made
