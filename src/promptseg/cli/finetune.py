"""``promptseg finetune``: a mask decoder that suits one's own photos."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Annotated

import typer

from .. import progress, registry
from .output import errors_as_messages


def finetune(
    images: Annotated[Path, typer.Option(help="Folder of photos.")],
    masks: Annotated[Path, typer.Option(help="Folder of binary masks of the same names, each of one object.")],
    out: Annotated[Path, typer.Option(help="Folder for the result; an unfinished training in it goes on.")],
    model: Annotated[
        str, typer.Option(metavar="NAME[=WEIGHTS]", help="A model that runs in torch: SAM, MobileSAM, mini-sam or SAM 2.")
    ] = registry.DEFAULT_MODEL,
    seed: Annotated[int, typer.Option(help="Of the split, of the order of photos and of the prompts.")] = 0,
    epochs: Annotated[int, typer.Option(help="Most epochs.")] = 12,
    learning_rate: Annotated[float, typer.Option(help="Of AdamW, at its highest.")] = 1e-4,
    validation: Annotated[float, typer.Option(help="Share of the photos to judge by, never learnt from; 0 for none.")] = 0.2,
    patience: Annotated[int, typer.Option(help="Epochs without a better validation after which training stops.")] = 4,
    objects: Annotated[int, typer.Option(help="Most objects of a photo in one step.")] = 8,
    prompt_encoder: Annotated[bool, typer.Option("--prompt-encoder", help="Train the prompt encoder, too.")] = False,
    device: Annotated[str, typer.Option(help="auto, cpu, cuda or mps.")] = "auto",
    overwrite: Annotated[bool, typer.Option("--overwrite", help="Write to a folder that holds files, and begin anew.")] = False,
    as_json: Annotated[bool, typer.Option("--json", help="Print one JSON object instead of the summary.")] = False,
) -> None:
    """Train a model's mask decoder on photos with masks; the image encoder runs once a photo."""
    from ..finetune.run import finetune_decoder

    with errors_as_messages(), progress.shown():
        done = finetune_decoder(
            images,
            masks,
            out,
            model=model,
            seed=seed,
            epochs=epochs,
            learning_rate=learning_rate,
            validation=validation,
            patience=patience,
            objects=objects,
            prompt_encoder=prompt_encoder,
            device=device,
            overwrite=overwrite,
        )
    if as_json:
        typer.echo(json.dumps(done.to_dict(), indent=1))
        return
    learnt, judged = done.photos
    reason = f", stopped: {done.stopped}" if done.stopped else ""
    typer.echo(f"{learnt} photos learnt from, {judged} to judge by; {done.epochs} epochs in {done.seconds:.0f} s{reason}")
    for kind, (before, after) in done.validation.items():
        typer.echo(f"IoU by {kind} on those {judged}: {before:.3f} before, {after:.3f} after epoch {done.best_epoch}")
    if done.validation and not done.best_epoch:
        typer.echo("No epoch was better than the model as it was: the folder holds its decoder unchanged")
    typer.echo(f"Use it: --model {done.model}={done.folder}")
